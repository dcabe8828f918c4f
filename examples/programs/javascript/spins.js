process.stdout.write("spinning\n");
for (;;);
