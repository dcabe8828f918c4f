io.stdout:write("spinning\n"); io.stdout:flush()
while true do end
