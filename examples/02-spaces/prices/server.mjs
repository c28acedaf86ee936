// What a product costs: gRPC, /shop.Prices/Get of prices.proto, over plain HTTP/2. Calls nobody.

import http2 from 'node:http2';
import { decode, encode } from './messages.mjs';

const VERSION = process.env.VERSION ?? 'v1';
const SPACE = process.env.SPACE ?? '';
const GET = '/shop.Prices/Get';
const INVALID_ARGUMENT = '3';
const UNIMPLEMENTED = '12';
// Callers hear of this process's end a moment after it does: until then it goes on answering.
const LAST_MS = 1000;

const server = http2.createServer();
const sessions = new Set();

server.on('session', (session) => {
  sessions.add(session);
  session.on('close', () => sessions.delete(session));
  session.on('error', () => {}); // the client is gone, as probes are once they are connected
});

server.on('stream', (stream, headers) => {
  const received = [];
  stream.on('error', () => {});
  stream.on('data', (chunk) => received.push(chunk));
  stream.on('end', () => answer(stream, headers, Buffer.concat(received)));
});

function answer(stream, headers, frame) {
  if (headers[':path'] !== GET) return fail(stream, UNIMPLEMENTED, `no method ${headers[':path']}`);
  let product;
  try {
    product = decode(frame)[1] ?? '';
  } catch (error) {
    return fail(stream, INVALID_ARGUMENT, error.message);
  }
  console.log(`${GET} ${product} for ${headers['azds-route-as'] ?? 'nobody in particular'}`);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(encode({ 1: VERSION, 2: SPACE, 3: '8.50' }));
}

function fail(stream, status, message) {
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  stream.respond({ ...headers, 'grpc-status': status, 'grpc-message': message }, { endStream: true });
}

process.on('SIGTERM', () => {
  setTimeout(() => {
    server.close(() => process.exit(0));
    for (const session of sessions) session.close(); // GOAWAY: streams that are open come to their end
    setTimeout(() => process.exit(0), LAST_MS); // though a client keeps its connection
  }, LAST_MS);
});

server.listen(Number(process.env.PORT ?? 50051));
