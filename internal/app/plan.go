package app

import "time"

// stumbleSoon is when a look that could not ask is repeated at first.
const stumbleSoon = 5 * time.Minute
