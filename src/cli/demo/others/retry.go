package main

import (
	"errors"
	"fmt"
	"time"
)

func retry(times int, first time.Duration, try func() error) error {
	var last error
	for i := 0; i < times; i++ {
		if last = try(); last == nil {
			return nil
		}
		time.Sleep(first << i)
	}
	return fmt.Errorf("gave up after %d attempts: %w", times, last)
}

func main() {
	count := 0
	err := retry(4, 50*time.Millisecond, func() error {
		count++
		if count < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	fmt.Println(count, err)
}
