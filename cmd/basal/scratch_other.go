//go:build !linux

package main

import "os"

func unnamed() (*os.File, error) { return named() }
