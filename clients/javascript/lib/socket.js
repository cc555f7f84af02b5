'use strict';

/**
 * A WebSocket: the platform's own if it has one; in older versions of Node, a small one over Node's HTTP client. It
 * calls `opened()`, `heard(text)`, and at the end either `refused(status)` or `ended()`, once.
 */
function open(transport, calls) {
  const url = `${transport.baseUrl.replace(/^http/, 'ws')}/ws`;
  const once = endingOnce(calls);
  return typeof WebSocket === 'undefined' ? overHttp(transport, once) : overPlatform(url, transport, once);
}

function endingOnce(calls) {
  let over = false;
  const end = (name) => (...values) => {
    if (!over) calls[name](...values);
    over = true;
  };
  return { ...calls, refused: end('refused'), ended: end('ended') };
}

/** The URL with the credential in the query: browsers cannot send headers with a WebSocket. */
function overPlatform(url, transport, calls) {
  const query = transport.credential ? `?token=${encodeURIComponent(transport.credential)}` : '';
  const socket = new WebSocket(url + query);
  socket.addEventListener('open', () => calls.opened());
  socket.addEventListener('message', (event) => calls.heard(event.data));
  socket.addEventListener('close', (event) => {
    if (event.code >= 4000 && event.code < 4500) calls.refused(event.code - 4000);
    else calls.ended();
  });
  return socket;
}

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

function overHttp(transport, calls) {
  const crypto = require('crypto');
  const client = transport.baseUrl.startsWith('https') ? require('https') : require('http');
  const request = client.request(`${transport.baseUrl}/ws`, {
    headers: {
      ...transport.headers,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'),
    },
  });
  let stream;
  const send = (opcode, text = '') => {
    if (stream && stream.writable) stream.write(frame(opcode, Buffer.from(text), crypto.randomBytes(4)));
  };
  request.on('upgrade', (_answer, socket, head) => {
    stream = socket;
    const read = reader({
      [TEXT]: (content) => calls.heard(content.toString()),
      [PING]: (content) => send(PONG, content),
      [CLOSE]: (content) => {
        const code = content.length >= 2 ? content.readUInt16BE(0) : 0;
        if (code >= 4000 && code < 4500) calls.refused(code - 4000);
        send(CLOSE, content);
        socket.end();
      },
    });
    socket.on('data', read);
    socket.on('error', () => calls.ended());
    socket.on('close', () => calls.ended());
    calls.opened();
    if (head.length) read(head);
  });
  request.on('response', (answer) => {
    answer.resume();
    if (answer.statusCode >= 400 && answer.statusCode < 500) calls.refused(answer.statusCode);
    else calls.ended();
  });
  request.on('error', () => calls.ended());
  request.end();
  return {
    send: (text) => send(TEXT, text),
    close: () => {
      send(CLOSE);
      if (stream) stream.end();
      else request.destroy();
    },
  };
}

/** Build one complete client frame, masked as the protocol requires. */
function frame(opcode, content, mask) {
  const long = content.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (long ? 126 : content.length);
  if (long) head.writeUInt16BE(content.length, 2);
  mask.copy(head, head.length - 4);
  return Buffer.concat([head, content.map((byte, place) => byte ^ mask[place % 4])]);
}

/** Parses received bytes, and passes each complete message on. */
function reader(handlers) {
  let rest = Buffer.alloc(0);
  let parts = [];
  let kind = TEXT;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const found = first(rest);
      if (!found) return;
      rest = rest.subarray(found.size);
      if (found.opcode >= CLOSE) {
        if (handlers[found.opcode]) handlers[found.opcode](found.content);
      } else {
        if (found.opcode) kind = found.opcode;
        parts.push(found.content);
        if (found.final) {
          const whole = Buffer.concat(parts);
          parts = [];
          if (handlers[kind]) handlers[kind](whole);
        }
      }
    }
  };
}

/** Parse the first frame in the bytes; undefined while it is not complete. */
function first(bytes) {
  if (bytes.length < 2) return null;
  let length = bytes[1] & 0x7f;
  let start = 2;
  if (length === 126) {
    start = 4;
    if (bytes.length < start) return null;
    length = bytes.readUInt16BE(2);
  } else if (length === 127) {
    start = 10;
    if (bytes.length < start) return null;
    length = Number(bytes.readBigUInt64BE(2));
  }
  if (bytes.length < start + length) return null;
  return {
    final: Boolean(bytes[0] & 0x80),
    opcode: bytes[0] & 0x0f,
    content: bytes.subarray(start, start + length),
    size: start + length,
  };
}

module.exports = { open };
