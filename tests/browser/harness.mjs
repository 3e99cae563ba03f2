// The browser, and what is wrong on a page whoever looks at it: errors of the console, requests that fail, findings of
// axe. Knows no page of the product.

import { mkdirSync, readFileSync } from 'node:fs';
import { createHash, X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import tls from 'node:tls';
import { chromium } from 'playwright-core';

/** What the test that started this says. */
export const given = {
  url: needed('WORKPOINT_URL'),
  out: needed('WORKPOINT_OUT'),
  user: needed('WORKPOINT_USER'),
  password: needed('WORKPOINT_PASSWORD'),
  token: needed('WORKPOINT_TOKEN'),
  phones: Number(needed('WORKPOINT_PHONES')),
};

/** Longest wait for anything on a page. */
const PATIENCE = 20_000;
const said = new Set();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: this is started by tests/tests/console.rs`);
  return value;
}

/** Tells the test about a failure; it goes on until the end all the same. */
export function fail(text) {
  process.stdout.write(`@failure ${text.replaceAll('\n', '\\n')}\n`);
}

/** The key of the server's certificate, after Node has checked it against the authority. The browser takes no other. */
function pinnedKey() {
  const { hostname, port } = new URL(given.url);
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: hostname, port: Number(port), servername: hostname }, () => {
      const key = new X509Certificate(socket.getPeerCertificate(true).raw).publicKey;
      socket.end();
      resolve(createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('base64'));
    });
    socket.on('error', reject);
  });
}

/** The system's Chromium, which asks nobody but the server under test. */
export async function openBrowser() {
  mkdirSync(given.out, { recursive: true });
  return chromium.launch({
    executablePath: process.env.WORKPOINT_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--mute-audio',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
      `--ignore-certificate-errors-spki-list=${await pinnedKey()}`,
    ],
  });
}

/** Everything that an answer or a key sets off has happened: the page draws twice. */
export const drawn = (page) => page.evaluate(() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => done()));
}));

/** A page that is watched. */
export class Visit {
  /** Everything wrong so far. */
  faults = [];
  #expected = [];

  constructor(name, page) {
    this.name = name;
    this.page = page;
    // Who is signed in is asked before anybody is.
    this.expect(401, '/api/v1/auth/session');
    page.setDefaultTimeout(PATIENCE);
    page.on('console', (message) => {
      // An answer that says no is judged below, with its address.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        this.fault(`console: ${message.text()}`);
      }
    });
    page.on('pageerror', (error) => this.fault(`script: ${error.message}`));
    page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText ?? '';
      // Left when a page is left.
      if (reason !== 'net::ERR_ABORTED') this.fault(`request: ${request.method()} ${request.url()}: ${reason}`);
    });
    page.on('response', (response) => {
      const path = new URL(response.url()).pathname;
      const known = this.#expected.some(([status, start]) => response.status() === status && path.startsWith(start));
      if (response.status() >= 400 && !known) {
        this.fault(`answer: ${response.status()} to ${response.request().method()} ${path}`);
      }
    });
  }

  /** An answer that says no, as this journey wants it: status, and how the path begins. */
  expect(status, path) {
    this.#expected.push([status, path]);
  }

  fault(text) {
    const line = `[${this.name}] ${new URL(this.page.url(), given.url).pathname}: ${text}`;
    if (!this.faults.includes(line)) this.faults.push(line);
  }

  /** Another address, by loading it. */
  async goto(path) {
    await this.page.goto(given.url + path);
  }

  /** Until nothing is loading any more. */
  async settled() {
    await this.page.locator('h1').first().waitFor();
    await this.page.waitForFunction(() => !document.querySelector('.skel, [aria-busy="true"]'));
  }

  /** Finds a part of the page that says it could not be shown. */
  async whole(what) {
    for (const said of await this.page.locator('.empty[role=alert]').allInnerTexts()) {
      this.fault(`${what} is not shown: ${said.replaceAll(/\s+/g, ' ')}`);
    }
  }

  /** Looks for what keeps people out: everything that axe calls serious or critical. `WORKPOINT_LOOKS=1` keeps a picture. */
  async look(what) {
    await this.page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
    if (process.env.WORKPOINT_LOOKS) await this.picture(`look-${this.name}-${what.replaceAll(/\W+/g, '-')}`);
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(axe);
    const found = await this.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    for (const violation of found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))) {
      for (const node of violation.nodes) {
        // What stands on every page is said once.
        const place = `${violation.id} ${node.target.join(' ')}`;
        if (said.has(place)) continue;
        said.add(place);
        this.fault(`axe, ${what}: ${violation.id}, ${violation.help}: ${node.target.join(' ')} ${node.html.slice(0, 200)}`);
      }
    }
  }

  async picture(name = this.name) {
    await this.page.screenshot({ path: join(given.out, `${name}.png`) });
  }
}

/** A context as a person has it, with English and the light theme unless told otherwise. */
export async function open(browser, name, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    colorScheme: 'light',
    reducedMotion: 'reduce',
    ...options,
  });
  return new Visit(name, await context.newPage());
}
