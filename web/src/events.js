// Who did what and when, and what changes while one looks.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { all, feed } from "./store.js";
import { moment } from "./format.js";
import { Ago, Badge, Card, Empty } from "./parts.js";

const SHOWN_MAX = 200;

const given = (entry) => [...Object.entries(entry.given ?? {}).map(([key, value]) => `${key} ${value}`), ...(entry.also ?? [])].join(", ");

function line(event) {
  if (!event.items.length) return "gone";
  return event.items.map((item) => [item.host ?? item.primary ?? item.to, item.phase ?? (item.running === undefined ? "" : item.running ? "running" : "not running"), item.error].filter(Boolean).join(" ")).join("; ");
}

export function EventsScreen() {
  const [word, setWord] = useState("");
  const [who, setWho] = useState("");
  const [result, setResult] = useState("");
  const audit = all("state/audit").sort((first, second) => Number(second.id) - Number(first.id));
  const users = [...new Set(audit.map((each) => each.user ?? "somebody"))].sort();
  const chosen = audit.filter((each) => (!who || (each.user ?? "somebody") === who) && (!result || (each.status < 400) === (result === "done"))
    && (!word || `${each.operation} ${each.about ?? ""} ${each.path} ${given(each)} ${each.request_id}`.toLowerCase().includes(word.toLowerCase())));
  feed.version.value;
  const changes = feed.items.filter((each) => each.collection !== "state/audit");
  return html`<h1 tabindex="-1">Events</h1>
    <div class="tools">
      <input type="search" placeholder="operation, name or request id" aria-label="Find an event" value=${word} onInput=${(event) => setWord(event.target.value.trim())} />
      <select aria-label="User" value=${who} onChange=${(event) => setWho(event.target.value)}><option value="">everybody</option>${users.map((each) => html`<option key=${each}>${each}</option>`)}</select>
      <select aria-label="Result" value=${result} onChange=${(event) => setResult(event.target.value)}><option value="">done or refused</option><option value="done">done</option><option value="refused">refused</option></select>
      <a class="button" href="v1/state/audit" download="audit.json">Export</a>
    </div>
    <${Card} id="audit" title="Who did what" wide>
      ${chosen.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Table: Who did what"><table><thead><tr><th scope="col">When</th><th scope="col">User</th><th scope="col">Did</th><th scope="col">To</th><th scope="col">With</th><th scope="col">Result</th></tr></thead>
        <tbody>${chosen.slice(0, SHOWN_MAX).map((each) => html`<tr key=${each.id}><td title=${`${moment(each.at)}, request ${each.request_id}`}><${Ago} at=${each.at} /></td><td title=${each.address}>${each.user ?? "somebody"}</td><td>${each.operation.replaceAll("_", " ")}</td>
          <td>${each.about ?? each.path.replace("/v1/", "")}</td><td class="dim">${given(each)}</td><td><${Badge} state=${each.status < 400 ? ["good", "done"] : ["bad", String(each.status)]} /> ${each.error ?? ""}</td></tr>`)}</tbody></table></div>`
        : html`<${Empty}>Nobody has changed anything${audit.length ? " like that" : " yet"}.<//>`}
    <//>
    <${Card} id="changes" title="What changes, since this page was opened" wide>
      ${changes.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Table: Changes"><table><thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Id</th><th scope="col">Is now</th></tr></thead>
        <tbody>${changes.slice(0, SHOWN_MAX).map((each) => html`<tr key=${each.generation}><td><${Ago} at=${each.at} /></td><td>${each.collection}</td><td class="mono">${each.id.slice(0, 40)}</td><td>${line(each)}</td></tr>`)}</tbody></table></div>`
        : html`<${Empty}>Nothing yet.<//>`}
    <//>`;
}
