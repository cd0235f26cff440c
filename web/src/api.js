// Requests to the REST API of the service that served this page.

const API = "v1";

export class Refused extends Error {
  constructor(status, text, requestId) {
    super(text);
    this.status = status;
    this.requestId = requestId;
  }
}

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(`${API}${path}`, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
  } catch {
    throw new Refused(0, "The control service does not answer.");
  }
  const text = await answer.text();
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    said = { description: text.slice(0, 300) };
  }
  if (!answer.ok) {
    const problems = (said.problems || []).map((each) => each.message);
    const words = problems.length ? problems.join("; ") : said.description || String(said);
    throw new Refused(answer.status, words, answer.headers.get("X-Request-Id"));
  }
  return { body: said, generation: Number(answer.headers.get("X-Generation") || 0) };
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const del = (path) => ask("DELETE", path);
export const eventsUrl = (since) => `${API}/events?since=${since}`;
export const logsUrl = (name, tail, follow) =>
  `${API}/state/containers/${encodeURIComponent(name)}/logs?tail=${tail}&follow=${follow ? 1 : 0}`;
export const seg = encodeURIComponent;
