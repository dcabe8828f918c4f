console.log("started");
throw new RangeError("out of luck");
