// Asks whether a standby should take over, and says what would be lost.

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { post, seg } from "./api.js";
import { moment, seconds } from "./format.js";
import { Action, Dialog, Problem } from "./parts.js";

export function FailoverDialog({ container, close }) {
  const [forecast, setForecast] = useState(null);
  const [trouble, setTrouble] = useState("");
  const [force, setForce] = useState(false);
  const path = `/configuration/containers/${seg(container.name)}/failover`;
  useEffect(() => {
    post(`${path}?dry_run=1`).then((answer) => setForecast(answer.body), (error) => setTrouble(error.message));
  }, []);
  const begin = async () => {
    const { body } = await post(path, { ...(forecast.to ? { host: forecast.to } : {}), ...(force ? { force: true } : {}) });
    close();
    if (body.move_id) location.hash = `#/moves/${body.move_id}`;
  };
  const may = forecast?.possible && (!forecast.needs_force || force);
  return html`<${Dialog} title=${`Fail over ${container.name}`} close=${close}>
    <p>A standby takes over with its last complete snapshots. This is for a node that is dead: if it lives, move the container instead.</p>
    ${!forecast && !trouble && html`<p class="dim" role="status">Asking what would be lost…</p>`}
    <${Problem}>${trouble || (forecast && !forecast.possible && forecast.why_not)}<//>
    ${forecast?.possible && html`<div class="forecast">
      <div><b>${forecast.to ?? "–"}</b><span>takes over from ${forecast.old_primary}</span></div>
      <div><b>${seconds(forecast.loses_seconds)}</b><span>lost at most, since ${moment(forecast.loses_since)}</span></div>
      <div><b>${forecast.proved_stopped ? "yes" : "no"}</b><span>proved that the old one writes no more</span></div></div>`}
    ${forecast?.needs_force && html`<label class="check warn"><input type="checkbox" checked=${force} onChange=${(event) => setForce(event.target.checked)} /> ${forecast.needs_force.replace(/, then say "force"\.$/, ".")} Do it all the same.</label>`}
    <footer><button type="button" onClick=${close}>Leave it</button>
      <${Action} kind="danger" disabled=${!may} work=${begin}>Fail over<//></footer>
  <//>`;
}
