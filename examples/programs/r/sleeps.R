cat("asleep\n")
Sys.sleep(60)
