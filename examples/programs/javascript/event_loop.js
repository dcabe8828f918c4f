console.log("1 sync");
setTimeout(() => console.log("5 timer"), 0);
Promise.resolve().then(() => console.log("4 promise"));
process.nextTick(() => console.log("3 tick"));
console.log("2 sync");
