// The moves: a list, and one move to watch: its rounds, the prediction, and the pause by step.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { all, clock, history, one, user } from "./store.js";
import { del, seg } from "./api.js";
import { isOpen, moveShare, moveState } from "./derive.js";
import { bytes, moment, percent, rate, seconds } from "./format.js";
import { Ago, Badge, Card, Confirm, containerLink, Empty, Facts, nodeLink, Problem, Rows } from "./parts.js";
import { Chart } from "./chart.js";

const PHASES = ["preparing", "pushing", "switching", "verifying", "done"];
const name = (move) => move.container ?? move.dataset_id?.slice(0, 8) ?? "data";

export function MovesScreen() {
  const [only, setOnly] = useState("");
  const moves = all("state/moves").filter((each) => !only || (only === "open" ? isOpen(each) : each.phase === only))
    .sort((first, second) => (second.requested_at ?? 0) - (first.requested_at ?? 0));
  return html`<h1 tabindex="-1">Moves</h1>
    <div class="tools"><select aria-label="Phase" value=${only} onChange=${(event) => setOnly(event.target.value)}>
      <option value="">every move</option><option value="open">under way</option><option>done</option><option>rolled back</option><option>cancelled</option><option>superseded</option></select></div>
    <${Rows} label="Moves" items=${moves} keyOf=${(each) => each.move_id} empty="No move yet. The screen of a container begins one."
      columns=${[["Of", "minmax(7rem,1.2fr)"], ["From", "minmax(7rem,1fr)"], ["To", "minmax(7rem,1fr)"], ["Phase", "minmax(6rem,1fr)"], ["Sent", "6rem"], ["Pause", "5rem"], ["Asked for", "minmax(6rem,1fr)"]]}
      row=${(each) => [html`<a href=${`#/moves/${each.move_id}`}>${name(each)}</a>`, each.from, each.to, html`<${Badge} state=${moveState(each)} />`, bytes(each.sent_bytes), seconds(each.pause_seconds || undefined), html`<${Ago} at=${each.requested_at} />`]} />`;
}

function Steps({ move }) {
  const open = isOpen(move);
  const at = PHASES.indexOf(move.phase === "failed" ? "pushing" : move.phase);
  return html`<ol class="phases" aria-label="Phases">${PHASES.map((phase, index) => html`
    <li class=${index < at || move.phase === "done" ? "past" : index === at && open ? "now" : ""} aria-current=${index === at && open ? "step" : undefined}>${phase}</li>`)}</ol>`;
}

function Rounds({ move }) {
  const rounds = move.rounds ?? [];
  const most = Math.max(1, ...rounds.map((each) => each.bytes));
  return html`<${Card} id="rounds" title="Rounds" wide>
    ${!rounds.length && html`<${Empty}>${isOpen(move) ? "The first snapshot is being sent." : "Nothing was sent."}<//>`}
    <ol class="rounds">${rounds.map((each, index) => html`<li key=${index}>
      <span class="round-name">${index + 1}</span>
      <span class="bar tall"><i class="busy" style=${{ width: `${Math.max(0.5, percent(each.bytes, most))}%` }}></i></span>
      <span class="round-figures"><b>${bytes(each.bytes)}</b> in ${seconds(each.seconds)} <span class="dim">${rate(each.bytes_per_second ?? each.bytes / (each.seconds || 1))}${each.dirty_bytes_per_second !== undefined ? ` · written at ${rate(each.dirty_bytes_per_second)}` : ""}</span></span>
    </li>`)}</ol>
  <//>`;
}

function Progress({ move }) {
  if (!isOpen(move)) return null;
  const share = moveShare(move);
  return html`<${Card} id="progress" title="Under way" wide>
    <div class="bar huge" role="progressbar" aria-label="Data sent" aria-valuenow=${Math.round(share)} aria-valuemin="0" aria-valuemax="100"><i class=${move.error ? "bad" : "busy"} style=${{ width: `${share}%` }}></i></div>
    <div class="forecast">
      <div><b>${bytes(move.sent_bytes ?? 0)}</b><span>${move.expected_bytes !== undefined ? `sent of ${bytes(move.expected_bytes)}` : "sent"}</span></div>
      <div><b>${move.eta_seconds === undefined ? "–" : seconds(move.eta_seconds)}</b><span>left${move.eta_seconds > 1 && move.expected_bytes ? `, at ${rate((move.expected_bytes - (move.sent_bytes ?? 0)) / move.eta_seconds)}` : ""}</span></div>
      <div><b>${seconds(move.predicted_pause_seconds)}</b><span>predicted pause${move.predicted_pause_p95_seconds === undefined ? "" : `, hardly over ${seconds(move.predicted_pause_p95_seconds)}`}${move.options?.max_pause_seconds ? `, at most ${seconds(move.options.max_pause_seconds)}` : ""}</span></div>
      <div><b>${seconds(Math.max(0, clock.value - move.requested_at))}</b><span>since it was asked for</span></div>
    </div>
    ${move.poised && html`<p class="dim">The program is started at ${move.to} and held back: it waits for its data.</p>`}
  <//>`;
}

function Pause({ move }) {
  const steps = Object.entries(move.pause ?? {});
  const total = move.pause_seconds ?? steps.reduce((sum, [, value]) => sum + value, 0);
  const most = Math.max(total, move.predicted_pause_seconds ?? 0, 0.001);
  if (!steps.length) return null;
  let before = 0;
  return html`<${Card} id="pause" title=${`Pause: ${seconds(total)}`} wide>
    <ul class="pause">
      ${steps.map(([step, value]) => {
        const left = before;
        before += value;
        return html`<li key=${step}><span class="step">${step}</span><span class="bar tall"><i class="good" style=${{ marginLeft: `${percent(left, most)}%`, width: `${Math.max(0.4, percent(value, most))}%` }}></i></span><span class="figure">${seconds(value)}</span></li>`;
      })}
      <li class="sum"><span class="step">in all</span><span class="bar tall"><i class="good" style=${{ width: `${percent(total, most)}%` }}></i></span><span class="figure">${seconds(total)}</span></li>
      ${move.predicted_pause_seconds !== undefined && html`<li class="sum"><span class="step">predicted</span><span class="bar tall"><i class="ghost" style=${{ width: `${percent(move.predicted_pause_seconds, most)}%` }}></i></span><span class="figure">${seconds(move.predicted_pause_seconds)}</span></li>`}
    </ul>
  <//>`;
}

function Receipt({ move }) {
  const receipt = move.receipt;
  if (!receipt) return null;
  return html`<${Card} id="receipt" title="Receipt" wide>
    <${Facts} of=${[["Verdict", receipt.verdict], ["Asked for", moment(receipt.requested_at)], ["Over", moment(receipt.ended_at)], ["It took", seconds(receipt.ended_at - receipt.requested_at)],
      ["Lost at most", move.failover && seconds(move.failover.loses_seconds)], ["Killed at the source", move.killed ? "yes: it did not end in its time" : undefined]]} />
    <div class="scroll" tabindex="0" role="region" aria-label="Table: Receipt by dataset"><table><thead><tr><th scope="col">Dataset</th><th scope="col">Epoch</th><th scope="col">Bytes</th><th scope="col">Time</th><th scope="col">Last snapshot</th></tr></thead>
      <tbody>${receipt.datasets.map((each) => html`<tr key=${each.dataset_id}><td><a href=${`#/datasets/${each.dataset_id}`}>${each.dataset_id.slice(0, 8)}</a></td>
        <td>${each.epoch_to ?? "–"}</td><td>${bytes(each.bytes)}</td><td>${seconds(each.seconds)}</td>
        <td class="mono">${each.source_guid ?? "–"}${each.source_guid && each.source_guid === each.destination_guid ? " (same at both)" : ""}</td></tr>`)}</tbody></table></div>
  <//>`;
}

export function MoveScreen({ id }) {
  const [asked, setAsked] = useState(false);
  const move = one("state/moves", id);
  if (!move) return html`<h1 tabindex="-1">Move ${id.slice(0, 8)}</h1><${Empty}>There is no such move, or no more. <a href="#/moves">All moves</a><//>`;
  const may = user.value.may_write && isOpen(move) && ["preparing", "pushing", "failed"].includes(move.phase) && !move.cancelling;
  const predictions = history.get(`move ${move.move_id}`) ?? [];
  return html`<div class="title"><h1 tabindex="-1">${move.kind === "failover" ? "Failover" : move.kind === "adoption" ? "Adoption" : move.kind === "release" ? "Release" : "Move"} of ${name(move)}</h1>
      <${Badge} state=${moveState(move)} />
      <div class="actions">${may && html`<button type="button" class="danger" onClick=${() => setAsked(true)}>Cancel…</button>`}</div></div>
    <p class="route">${move.container && html`${containerLink(move.container)}: `}from ${nodeLink(move.from)} to ${nodeLink(move.to)}</p>
    <${Steps} move=${move} />
    <${Problem}>${move.error}<//>
    <${Progress} move=${move} />
    <${Pause} move=${move} />
    ${predictions.length > 1 && html`<${Card} id="prediction" title="The prediction, as it came" wide><${Chart} points=${predictions} label="predicted pause" unit="s" /><//>`}
    <${Rounds} move=${move} />
    <${Receipt} move=${move} />
    ${asked && html`<${Confirm} title="Cancel the move" text=${`Everything stays on ${move.from}, where it runs.`} agree="Cancel the move" close=${() => setAsked(false)} work=${() => del(`/state/moves/${seg(move.move_id)}`)} />`}`;
}
