// A small line over time, drawn by uPlot in the colours of the page.

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

const HEIGHT_PIXELS = 160;

function colours() {
  const style = getComputedStyle(document.documentElement);
  return { ink: style.getPropertyValue("--dim").trim(), line: style.getPropertyValue("--busy").trim(), grid: style.getPropertyValue("--line").trim() };
}

export function Chart({ points, label, unit }) {
  const box = useRef(null);
  const plot = useRef(null);
  const data = [points.map((each) => each[0] - points[0][0]), points.map((each) => each[1])];
  useEffect(() => {
    const [ink, line, grid] = ["ink", "line", "grid"].map((name) => () => colours()[name]);
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
    plot.current = new uPlot({
      width: box.current.clientWidth || 300,
      height: HEIGHT_PIXELS,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, 0.01)] } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => `${tick} s`) }, { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => `${tick} ${unit}`) }],
      series: [{}, { label, stroke: line, width: 2, points: { show: false } }],
    }, data, box.current);
    const sized = new ResizeObserver(() => box.current && plot.current?.setSize({ width: box.current.clientWidth, height: HEIGHT_PIXELS }));
    sized.observe(box.current);
    const themed = new MutationObserver(() => plot.current?.redraw());
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      sized.disconnect();
      themed.disconnect();
      plot.current.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [points.length]);
  const last = points[points.length - 1][1];
  return html`<div ref=${box} class="chart" role="img" aria-label=${`${label}: ${last.toFixed(2)} ${unit} now`}></div>`;
}
