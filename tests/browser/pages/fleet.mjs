// Templates and groups: what their pages have in common.

/** The plan that stands over a form when saving it changes clients. */
export class RequiredPlan {
  constructor(page) {
    this.page = page;
    this.dialog = page.getByRole('dialog', { name: 'Saving this changes clients' });
  }

  async ready() {
    await this.dialog.getByRole('button', { name: /^(Save|Apply|Write)/ }).waitFor();
  }

  async apply() {
    await this.ready();
    await this.dialog.getByRole('button', { name: /^(Save|Apply|Write)/ }).click();
    await this.dialog.waitFor({ state: 'detached' });
  }

  async giveUp() {
    await this.ready();
    await this.dialog.getByRole('button', { name: /^Back/ }).click();
    await this.dialog.waitFor({ state: 'detached' });
  }
}

/** The builder of a filter. */
export class Filter {
  constructor(page) {
    this.page = page;
  }

  /** A condition by its number, from 1. */
  condition(number) {
    return this.page.getByRole('group', { name: `Condition ${number}`, exact: true });
  }

  /** Sets what a condition looks at, how it compares, and with what. */
  async set(number, subject, compares, ...values) {
    const own = this.condition(number);
    await own.getByRole('combobox', { name: 'What it looks at' }).selectOption({ label: subject });
    await own.getByRole('combobox', { name: 'How it compares' }).selectOption({ label: compares });
    const fields = own.locator('.with input');
    for (const [at, value] of values.entries()) await fields.nth(at).fill(value);
  }
}
