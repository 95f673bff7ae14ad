/** A gateway on loopback whose answers a test scripts; it keeps what it received. */

import { createServer } from "node:http";

/** @param {(request: {method: string, path: string, headers: object, body: string}) => {status?: number, headers?: object, body?: unknown}} answer */
export async function scriptedGateway(answer) {
  const received = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const seen = { method: request.method, path: request.url, headers: request.headers, body };
    received.push(seen);
    const { status = 200, headers = {}, body: sent = {} } = answer(seen);
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end([204, 304].includes(status) ? undefined : typeof sent === "string" ? sent : JSON.stringify(sent));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const stop = () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)));
  return { origin, received, stop };
}

/** sessionStorage's three methods. */
export class TabStorage {
  #items = new Map();
  getItem(name) {
    return this.#items.get(name) ?? null;
  }
  setItem(name, value) {
    this.#items.set(name, value);
  }
  removeItem(name) {
    this.#items.delete(name);
  }
}
