process.stdout.write("no newline at the end");
process.exitCode = 7;
