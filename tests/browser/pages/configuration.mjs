// The editor of the configuration, and the plan it ends in.

export class Configuration {
  constructor(page) {
    this.page = page;
  }

  async ready() {
    await this.page.getByRole('navigation', { name: 'Areas of the configuration' }).waitFor();
  }

  /** Finds a parameter by its words and goes to it. */
  async find(words, id) {
    await this.page.getByRole('searchbox', { name: 'Find a parameter' }).fill(words);
    await this.page.locator(`.found a[href*="at=${id}"]`).click();
    await this.control(id).waitFor();
  }

  /** The control of a parameter. */
  control(id) {
    return this.page.locator(`[id="p-${id}"]`);
  }

  async review() {
    await this.page.getByRole('button', { name: /^Review/ }).click();
  }
}
