// The entry: asks the other services about a product and says which version of which one answered.

import http from 'node:http';
import { askCatalog, askPrices, askStock, routeKeys } from './calls.mjs';
import { render } from './page.mjs';

const ME = {
  service: 'web',
  version: process.env.VERSION ?? 'v1',
  space: process.env.SPACE ?? '',
};
const PRODUCT = 'mug';
// Callers hear of this process's end a moment after it does: until then it goes on answering.
const LAST_MS = 1000;

async function look(headers) {
  const keys = routeKeys(headers);
  const asked = { catalog: askCatalog(PRODUCT, keys), prices: askPrices(PRODUCT, keys), stock: askStock(PRODUCT) };
  const answers = await Promise.allSettled(Object.values(asked));
  const found = Object.keys(asked).map((service, index) => {
    const { value, reason } = answers[index];
    return value ?? { service, error: reason.message };
  });
  const hops = [ME, ...found].flatMap(({ reviews, ...hop }) => (reviews ? [hop, reviews] : [hop]));
  return { product: PRODUCT, key: headers['azds-route-as'] ?? '', hops };
}

async function answer(request, response) {
  if (request.url === '/healthz') return response.end('ok\n');
  if (request.url !== '/') return response.writeHead(404).end();
  const seen = await look(request.headers);
  const status = seen.hops.some((hop) => hop.error) ? 502 : 200;
  const page = (request.headers.accept ?? '').includes('text/html');
  const type = page ? 'text/html; charset=utf-8' : 'application/json';
  response.writeHead(status, { 'content-type': type, vary: 'accept' });
  return response.end(page ? render(seen) : `${JSON.stringify(seen, null, 2)}\n`);
}

const server = http.createServer(answer);
// Whoever keeps connections to this service, as proxies do, closes them: a request may be under way.
server.keepAliveTimeout = 0;

process.on('SIGTERM', () => {
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), LAST_MS); // though a client keeps its connection
  }, LAST_MS);
});

server.listen(Number(process.env.PORT ?? 8080));
