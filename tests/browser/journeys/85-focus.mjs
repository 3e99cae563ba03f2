// Where the focus is: on the title of a new page, in what was opened, and back where it came from.

import { strict as assert } from 'node:assert';
import { clients } from '../api.mjs';
import { given } from '../harness.mjs';
import { Configuration } from '../pages/configuration.mjs';
import { List } from '../pages/list.mjs';

const SERVER = 'telephony.sip-settings.server-address';

/** Waits until an element has the focus. */
async function focused(page, locator, what) {
  const element = await locator.elementHandle();
  await page.waitForFunction((wanted) => document.activeElement === wanted, element)
    .catch(async () => {
      const now = await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120));
      throw new Error(`${what} does not have the focus, but ${now}`);
    });
}

export async function journey(visit) {
  const { page } = visit;
  const list = new List(page, 'Clients');
  const edit = new Configuration(page);
  const client = (await clients()).find((one) => one.software_type === 'SIP');
  const menu = page.getByRole('navigation', { name: 'Main menu' });

  // Pages whose part of the program has to be loaded first.
  await visit.goto('/');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  for (const name of ['Clients', 'Jobs', 'Settings']) {
    await menu.getByRole('link', { name, exact: true }).click();
    await focused(page, page.getByRole('heading', { level: 1, name: new RegExp(`^${name}`) }), `the title of ${name}`);
  }
  visit.expect(404, '/api/v1/jobs/99999');
  await visit.goto('/jobs/99999');
  await page.getByRole('heading', { level: 1, name: 'Job 99999' }).waitFor();
  await page.waitForFunction(() => document.title.startsWith('Job 99999'));

  // Dialogs and the palette give it back.
  await visit.goto('/clients');
  await list.ready();
  const columns = page.getByRole('button', { name: 'Columns', exact: true });
  await columns.click();
  await page.getByRole('dialog', { name: 'Columns' }).waitFor();
  await page.keyboard.press('Escape');
  await focused(page, columns, 'the button of the columns');
  const jump = page.getByRole('button', { name: /^Search or jump to/ });
  await jump.click();
  await focused(page, page.getByRole('combobox', { name: 'Search or jump to' }), 'the palette');
  await page.keyboard.press('Escape');
  await focused(page, jump, 'the button of the palette');

  // A filter that was added is filled in at once, and stays while it is changed.
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Software version' }).click();
  const version = page.getByRole('textbox', { name: 'Software version' });
  await focused(page, version, 'the new filter');
  await page.keyboard.type('V0');
  await page.keyboard.press('Enter');
  await page.waitForURL(/software_version=V0/);
  await focused(page, version, 'the filter that was filled in');
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByRole('menuitem', { name: 'State', exact: true }).click();
  const state = page.getByRole('combobox', { name: 'State', exact: true });
  await focused(page, state, 'the new choice');
  await state.selectOption({ label: 'Quarantined' });
  await page.waitForURL(/state=quarantined/);
  await focused(page, state, 'the choice that was made');

  // Pressing a filter of the editor leaves the focus on it.
  await visit.goto(`/clients/${client.id}/configuration`);
  await edit.ready();
  await edit.find('Server address', SERVER);
  await focused(page, edit.control(SERVER), 'the parameter that was found');
  const filter = page.locator('.params [aria-pressed="false"]').first();
  await filter.click();
  await page.waitForURL(/show=/);
  await focused(page, page.locator('.params [aria-pressed="true"]').first(), 'the filter');

  // The menu on a telephone.
  await page.setViewportSize({ width: 400, height: 800 });
  await visit.goto('/jobs');
  await page.getByRole('heading', { level: 1, name: /^Jobs/ }).waitFor();
  const burger = page.getByRole('button', { name: 'Open menu' });
  assert.equal(await burger.getAttribute('aria-expanded'), 'false');
  await burger.click();
  assert.equal(await burger.getAttribute('aria-expanded'), 'true');
  await focused(page, menu.getByRole('link', { name: 'Overview' }), 'the menu');
  await page.keyboard.press('Escape');
  await focused(page, burger, 'the button of the menu');
  assert.equal(await burger.getAttribute('aria-expanded'), 'false');
  await burger.click();
  await menu.getByRole('link', { name: 'Clients' }).click();
  await focused(page, page.getByRole('heading', { level: 1, name: /^Clients/ }), 'the title after the menu');
  assert.equal(new URL(page.url()).origin, given.url);
}
