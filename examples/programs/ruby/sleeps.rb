$stdout.sync = true
puts "asleep"
sleep 60
