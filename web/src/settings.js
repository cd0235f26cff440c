// Who one is, certificates, releases, and the control service's own doctor.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { all, release, user } from "./store.js";
import { nodes, slowClock } from "./shared.js";
import { get } from "./api.js";
import { day, seconds } from "./format.js";
import { Action, Ago, Badge, Card, Facts, nodeLink, Rows } from "./parts.js";

const SOON_SECONDS = 30 * 86400;

function expiry(at) {
  const left = at - slowClock.value;
  return html`<${Badge} state=${[left < 7 * 86400 ? "bad" : left < SOON_SECONDS ? "note" : "good", left > 0 ? `in ${seconds(left)}` : "expired"]} />`;
}

export function SettingsScreen() {
  const [found, setFound] = useState(null);
  const latest = new Map();
  for (const entry of all("state/audit")) {
    const name = entry.user ?? "somebody";
    if (!latest.has(name) || latest.get(name).at < entry.at) latest.set(name, entry);
  }
  const me = user.value;
  return html`<h1 tabindex="-1">Settings</h1>
    <div class="columns">
      <${Card} id="you" title="You"><${Facts} of=${[["User", me.user ?? "no certificate"], ["May change things", me.may_write ? "yes" : "no, only read"], ["Sees what may be secret", me.sees_secrets ? "yes" : "no"], ["Your certificate ends", found?.your_certificate_expires_at && day(found.your_certificate_expires_at)]]} /><//>
      <${Card} id="service" title="Control service" aside=${html`<${Action} work=${async () => setFound((await get("/state/doctor")).body)}>Examine<//>`}>
        <${Facts} of=${[["Release", release.value], ["At", location.host], ["API", html`<a href="v1/docs">its operations</a>`], ["Protocol", found?.protocol]]} />
        ${found && !found.findings.length && html`<p>Nothing was found.</p>`}
        <ul class="findings">${(found?.findings ?? []).map((each) => html`<li class=${each.severe ? "bad" : "note"}>${each.text}<br /><span class="dim">${each.remedy}</span></li>`)}</ul>
      <//>
    </div>
    <${Card} id="users" title="Users who changed something" wide>
      <div class="scroll" tabindex="0" role="region" aria-label="Table: Users"><table><thead><tr><th scope="col">User</th><th scope="col">Last</th><th scope="col">Did</th><th scope="col">From</th></tr></thead>
        <tbody>${[...latest.entries()].sort((first, second) => second[1].at - first[1].at).map(([name, entry]) => html`<tr key=${name}><td>${name}</td><td><${Ago} at=${entry.at} /></td><td>${entry.operation.replaceAll("_", " ")}</td><td>${entry.address}</td></tr>`)}
        ${!latest.size && html`<tr><td colspan="4" class="dim">nobody yet</td></tr>`}</tbody></table></div>
    <//>
    <${Card} id="releases" title="Certificates and releases of the nodes" wide>
      <${Rows} label="Certificates and releases" keyOf=${(node) => node.uuid} items=${nodes.value} empty="No agent has connected yet."
        columns=${[["Node", "minmax(7rem,1fr)"], ["Certificate ends", "minmax(11rem,1.5fr)"], ["Release", "6rem"], ["Protocol", "5rem"], ["System", "minmax(8rem,1.5fr)"]]}
        row=${(node) => [nodeLink(node.host), node.certificate_expires_at ? html`${day(node.certificate_expires_at)} ${expiry(node.certificate_expires_at)}` : "no certificate",
          node.machine?.release ?? "–", node.protocol ?? "–", node.machine?.system ?? "–"]} />
    <//>`;
}
