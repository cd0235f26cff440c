// The applications: what belongs to each, and where it is.

import { html } from "htm/preact";
import { all } from "./store.js";
import { containers } from "./shared.js";
import { inOrder } from "./format.js";
import { Badge, Card, containerLink, Empty, nodeLink } from "./parts.js";

export function ApplicationsScreen() {
  const states = new Map(containers.value.map((each) => [each.name, each.state]));
  const applications = all("configuration/applications").sort((first, second) => inOrder(first.name, second.name));
  return html`<h1 tabindex="-1">Applications</h1>
    ${!applications.length && html`<${Empty}>None yet: flockerctl app up brings up the services of a Compose file as one application.<//>`}
    ${applications.map((each, index) => html`<${Card} id=${`application-${index}`} title=${each.name} wide key=${each.name}>
      <div class="scroll" tabindex="0" role="region" aria-label=${`Table: services of ${each.name}`}><table><thead><tr><th scope="col">Service</th><th scope="col">Container</th><th scope="col">Node</th><th scope="col">State</th></tr></thead>
        <tbody>${each.services.map((service) => html`<tr key=${service.container}><td>${service.service}</td><td>${containerLink(service.container)}</td><td>${nodeLink(service.host)}</td>
          <td><${Badge} state=${states.get(service.container) ?? ["note", "not seen"]} /></td></tr>`)}</tbody></table></div>
      ${each.datasets.length > 0 && html`<p>Data: ${each.datasets.map((dataset) => html`<a class="chip" href=${`#/datasets/${dataset.dataset_id}`}>${dataset.volume ?? dataset.name ?? dataset.dataset_id.slice(0, 8)}</a> `)}</p>`}
    <//>`)}`;
}
