// What all lists have.

export class List {
  constructor(page, name) {
    this.page = page;
    this.table = page.getByRole('table', { name });
    this.rows = this.table.locator('tbody tr');
    this.bulk = page.getByRole('region', { name: 'Selection' });
  }

  /** Until there are rows. */
  async ready() {
    await this.rows.first().waitFor();
  }

  /** The row with this text. */
  row(text) {
    return this.rows.filter({ hasText: text }).first();
  }

  async search(text) {
    await this.page.getByRole('searchbox').fill(text);
    await this.page.getByRole('searchbox').press('Enter');
  }

  /** Rows per page. */
  async size(rows) {
    await this.page.getByRole('combobox', { name: 'Rows per page' }).selectOption(String(rows));
  }

  async sort(title) {
    await this.table.getByRole('columnheader', { name: title }).getByRole('button').click();
  }

  /** Adds a filter by its name and the words of its choice. */
  async filter(name, choice) {
    await this.page.getByRole('button', { name: 'Filter', exact: true }).click();
    await this.page.getByRole('menuitem', { name, exact: true }).click();
    await this.page.getByRole('combobox', { name, exact: true }).selectOption({ label: choice });
  }

  /** Opens the menu of a row and presses an entry. */
  async menu(row, entry) {
    await row.getByRole('button', { name: 'Actions' }).click();
    await this.page.getByRole('menuitem', { name: entry }).click();
  }

  /** Shows what came since the list was loaded. */
  async showNew() {
    await this.page.locator('.newer').getByRole('button', { name: 'Show' }).click();
  }

  /** Texts of the first column. */
  names() {
    return this.rows.locator('th.rowhead').allInnerTexts();
  }
}

/** Opens a tab of a row of tabs; each is a link to its own address. */
export async function openTab(tabs, name) {
  const tab = tabs.getByRole('link', { name: new RegExp(`^${name}`) });
  await tab.click();
  await tabs.locator('[aria-current="true"]', { hasText: name }).waitFor();
}
