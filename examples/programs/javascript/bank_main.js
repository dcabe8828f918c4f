const { Account } = require("./bank/account.js");

const account = new Account("ada");
account.deposit(120);
account.withdraw(45);
try {
  account.withdraw(1000);
} catch (error) {
  console.log(error.message);
}
console.log(JSON.stringify(account));
