// How this service calls the others: HTTP, gRPC and a line protocol over TCP. Each gives a document.

import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { decode, encode } from './messages.mjs';

// Short names: the search list of the pod finds the nearest service of that name, in this space or above it.
const CATALOG = process.env.CATALOG ?? 'http://catalog:8080';
const PRICES = process.env.PRICES ?? 'http://prices:50051';
const STOCK = process.env.STOCK ?? 'stock:9090';
const PATIENCE_MS = 5000;

// A request says with one of these for whose space it was made. A service that calls others because of a
// request passes them on; else the request would leave that space here. Nothing else is asked of an
// application, and with OpenTelemetry, which carries baggage, not even this.
const ROUTE_KEYS = ['azds-route-as', 'kubernetes-route-as', 'baggage'];

export function routeKeys(headers) {
  return Object.fromEntries(ROUTE_KEYS.filter((name) => headers[name]).map((name) => [name, headers[name]]));
}

/** Asks the catalog for a product, by HTTP. */
export function askCatalog(product, keys) {
  return new Promise((resolve, reject) => {
    const options = { headers: keys, timeout: PATIENCE_MS };
    const request = http.get(`${CATALOG}/products/${product}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`status ${response.statusCode}: ${text.trim()}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
  });
}

let session; // gRPC clients keep their connection: each call on it is routed by its own key

function connection() {
  if (!session || session.closed || session.destroyed) {
    session = http2.connect(PRICES);
    session.on('error', () => {}); // told by each call
    session.unref();
  }
  return session;
}

/** Asks for the price of a product, by gRPC. */
export function askPrices(product, keys) {
  return new Promise((resolve, reject) => {
    const on = connection();
    const stream = on.request({
      ':method': 'POST',
      ':path': '/shop.Prices/Get',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...keys,
    });
    const received = [];
    let status = 'no status';
    const look = (headers) => (status = headers['grpc-status'] ?? status);
    stream.on('response', look);
    stream.on('trailers', look);
    stream.on('data', (chunk) => received.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('closed before its end')));
    stream.on('end', () => {
      if (status !== '0') return reject(new Error(`gRPC status ${status}`));
      try {
        const fields = decode(Buffer.concat(received));
        resolve({ service: 'prices', version: fields[1], space: fields[2], amount: fields[3] });
      } catch (error) {
        reject(error);
      }
    });
    stream.setTimeout(PATIENCE_MS, () => {
      on.destroy(); // whatever is wrong with the connection, the next call makes a new one
      reject(new Error('no answer in time'));
    });
    stream.end(encode({ 1: product }));
  });
}

/** Asks how many there are of a product, by TCP: two lines, the first of which is the server's greeting. */
export function askStock(product) {
  return new Promise((resolve, reject) => {
    const [host, port] = STOCK.split(':');
    const socket = net.connect({ host, port: Number(port), timeout: PATIENCE_MS });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('timeout', () => socket.destroy(new Error('no answer in time')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed before its end')));
    socket.on('data', (chunk) => {
      const greeted = text.includes('\n');
      text += chunk;
      const [greeting, answer, rest] = text.split('\n');
      if (!greeted && answer !== undefined) socket.write(`${product}\n`);
      if (rest === undefined) return;
      const [service, version, space] = greeting.split(' ');
      resolve({ service, version, space, count: Number(answer) });
      socket.end();
    });
  });
}
