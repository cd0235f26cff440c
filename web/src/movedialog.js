// Asks where a container should go, says what the move would be like, and begins it.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { all } from "./store.js";
import { post, seg } from "./api.js";
import { bytes, seconds } from "./format.js";
import { Action, Dialog, Problem } from "./parts.js";

export function Forecast({ of }) {
  if (!of) return null;
  return html`<div class="forecast" role="status">
    <div><b>${of.expected_bytes === undefined ? "unknown" : bytes(of.expected_bytes)}</b><span>${of.incremental ? "an increment to send" : "to send"}</span></div>
    <div><b>${of.push_seconds === undefined ? "unknown" : seconds(of.push_seconds)}</b><span>for the push, while it runs</span></div>
    <div><b>${of.predicted_pause_seconds === undefined ? "unknown" : seconds(of.predicted_pause_seconds)}</b><span>predicted pause${of.predicted_pause_p95_seconds === undefined ? "" : `, hardly over ${seconds(of.predicted_pause_p95_seconds)}`}</span></div>
  </div>
  ${of.warning && html`<p class="warn">${of.warning}</p>`}`;
}

export function MoveDialog({ container, close }) {
  const [host, setHost] = useState("");
  const [limit, setLimit] = useState("");
  const [forecast, setForecast] = useState(null);
  const [trouble, setTrouble] = useState("");
  const nodes = all("state/nodes").filter((each) => each.host !== container.host);
  const path = `/configuration/containers/${seg(container.name)}`;
  const options = limit ? { move: { max_pause_seconds: Number(limit) } } : {};
  const choose = async (chosen) => {
    setHost(chosen);
    setForecast(null);
    setTrouble("");
    if (!chosen) return;
    try {
      setForecast((await post(`${path}?dry_run=1`, { host: chosen })).body);
    } catch (error) {
      setTrouble(error.message);
    }
  };
  const begin = async () => {
    await post(path, { host, ...options });
    close();
    const move = await found(container.name);
    if (move) location.hash = `#/moves/${move.move_id}`;
  };
  return html`<${Dialog} title=${`Move ${container.name}`} close=${close}>
    <p>It runs on ${container.host}, and goes on running there until its data is nearly all at the other node.</p>
    <fieldset class="choices"><legend>To</legend>
      ${nodes.map((node) => html`<label class=${node.host === host ? "choice chosen" : "choice"} key=${node.uuid}>
        <input type="radio" name="node" value=${node.host} disabled=${node.schedulable === false} checked=${node.host === host} onChange=${() => choose(node.host)} />
        <b>${node.host}</b><span class="dim">${node.away ? "away" : node.schedulable === false ? "cordoned" : `${bytes(node.machine?.storage_free_bytes)} free`}</span></label>`)}
      ${!nodes.length && html`<p class="dim">There is no other node.</p>`}
    </fieldset>
    ${host && !forecast && !trouble && html`<p class="dim" role="status">Asking the source what the move would be like…</p>`}
    <${Forecast} of=${forecast} />
    <${Problem}>${trouble}<//>
    <label class="field">Pause no longer than <input type="number" min="0.1" step="0.1" inputmode="decimal" value=${limit} placeholder="any" onInput=${(event) => setLimit(event.target.value)} /> seconds</label>
    <footer><button type="button" onClick=${close}>Leave it</button>
      <${Action} kind="primary" disabled=${!forecast} work=${begin}>Move it<//></footer>
  <//>`;
}

// The answer to the request does not name the move; the stream of events has it soon.
async function found(container) {
  for (let tries = 0; tries < 40; tries++) {
    const open = all("state/moves").find((each) => each.container === container && !each.receipt);
    if (open) return open;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return undefined;
}
