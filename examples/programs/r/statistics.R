values <- c(2, 4, 4, 4, 5, 5, 7, 9)
cat(mean(values), median(values), round(sd(values), 4), "\n")
quit(status = 2)
