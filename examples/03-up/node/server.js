// Says who answers: GET / as JSON. GET /static/NAME gives a file as it is now.

import { readFile } from 'node:fs/promises';
import http from 'node:http';

const VERSION = 'v1';
const STARTED = Date.now() / 1000;
const STATIC = new URL('./static/', import.meta.url);

let open = Promise.resolve();

async function answer(request, response) {
  await open;
  // A connection carries one request: at the end of this process none waits in one that is kept.
  response.setHeader('connection', 'close');
  if (request.url === '/') {
    const who = { service: 'node', version: VERSION, pid: process.pid, started: STARTED };
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify(who));
  }
  const name = /^\/static\/([\w.-]+)$/.exec(request.url)?.[1];
  try {
    const page = await readFile(new URL(name ?? 'nothing', STATIC));
    response.setHeader('content-type', 'text/html; charset=utf-8');
    return response.end(page);
  } catch {
    response.statusCode = 404;
    return response.end('not found\n');
  } finally {
    console.log(`${request.method} ${request.url} -> ${response.statusCode}`);
  }
}

const server = http.createServer(answer);
const port = Number(process.env.PORT ?? 8080);
server.listen(port, () => console.log(`node ${VERSION} listens on ${port}`));

process.on('SIGTERM', () => {
  // Who waits at the door is let in before it closes; nobody is answered meanwhile, who would come back at once.
  open = new Promise((reopen) => {
    const close = () => {
      server.close(() => console.log('node ends'));
      reopen();
    };
    setTimeout(() => setImmediate(close), 5);
  });
});
