// Files as people upload them: small, and made here.

import { crc32, deflateSync } from 'node:zlib';
import { given } from './harness.mjs';

/** A part of a PNG. */
function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), body.length + 4);
  return frame;
}

/** A picture: a gradient in true colour. */
export function png(width, height) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows.set([x % 256, y % 256, 160], y * (width * 3 + 1) + 1 + x * 3);
  }
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** A second of a quiet tone; `note` makes its content another one. */
export function wav(note = 0) {
  const samples = Buffer.alloc(8_000);
  for (let at = 0; at < samples.length; at += 1) samples[at] = 128 + Math.round(40 * Math.sin((at + note) / (3 + note)));
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(samples.length + 36, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.set([1, 0, 1, 0], 20);
  head.writeUInt32LE(8_000, 24);
  head.writeUInt32LE(8_000, 28);
  head.set([1, 0, 8, 0], 32);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

/** Bytes that are nothing known, as the firmware of CP phones. */
export function bytes(size, seed = 7) {
  const found = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at < size; at += 1) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    found[at] = (state >> 16) & 255;
  }
  return found;
}

/** An archive with nothing in it. */
export const zip = () => Buffer.from([0x50, 0x4b, 5, 6, ...Array(18).fill(0)]);

/** Uploads a file by the API. */
export async function upload(name, content, said = {}) {
  const form = new FormData();
  for (const [field, value] of Object.entries(said)) form.append(field, value);
  form.append('file', new Blob([content]), name);
  const answer = await fetch(`${given.url}/api/v1/files`, { method: 'POST', body: form,
    headers: { authorization: `Bearer ${given.token}` } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`upload of ${name}: ${answer.status} ${text}`);
  return JSON.parse(text);
}
