package main

import "fmt"

func squares(from, to int, out chan<- int) {
	for i := from; i < to; i++ {
		out <- i * i
	}
	close(out)
}

func main() {
	out := make(chan int)
	go squares(1, 11, out)
	sum := 0
	for square := range out {
		sum += square
	}
	fmt.Println("sum of squares", sum)
}
