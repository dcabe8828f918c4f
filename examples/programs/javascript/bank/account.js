exports.Account = class Account {
  #balance = 0;
  constructor(owner) {
    this.owner = owner;
  }
  deposit(amount) {
    this.#balance += amount;
  }
  withdraw(amount) {
    if (amount > this.#balance) throw new Error(`${this.owner} is ${amount - this.#balance} short`);
    this.#balance -= amount;
  }
  toJSON() {
    return { owner: this.owner, balance: this.#balance };
  }
};
