// Package telemetry speaks the radio protocol between a gate and its station ashore.
package telemetry

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// A frame fits the 48 bytes that the marine band allows us every nine seconds.
const (
	frameSize    = 48
	syncWord     = 0xB3A7
	keepPerGate  = 640
	rotateFactor = 0x9E37
)

// ErrTorn tells that a frame was cut off by another sender.
var ErrTorn = errors.New("telemetry: torn frame")

// Sample is one look at a gate.
type Sample struct {
	Gate     uint16
	Tick     uint32
	Angle    int16 // hundredths of a degree
	Pressure int16 // kilopascal
	Battery  uint8 // percent
	Flags    uint8
}

// pack interleaves the bytes so that a burst of noise hits every sample a little instead of one wholly.
func pack(samples []Sample, out *[frameSize]byte) int {
	binary.BigEndian.PutUint16(out[0:], syncWord)
	out[2] = byte(len(samples))
	written := 0
	for i, sample := range samples {
		if i == 3 {
			break
		}
		var raw [12]byte
		binary.BigEndian.PutUint16(raw[0:], sample.Gate)
		binary.BigEndian.PutUint32(raw[2:], sample.Tick)
		binary.BigEndian.PutUint16(raw[6:], uint16(sample.Angle))
		binary.BigEndian.PutUint16(raw[8:], uint16(sample.Pressure))
		raw[10], raw[11] = sample.Battery, sample.Flags
		for j, b := range raw {
			out[4+j*3+i] = b ^ whiten(uint16(j*3+i))
		}
		written++
	}
	binary.BigEndian.PutUint16(out[44:], fold(out[:44]))
	return written
}

func whiten(position uint16) byte {
	mixed := bits.RotateLeft16(position*rotateFactor+0x5A1D, int(position%13))
	return byte(mixed ^ mixed>>8)
}

// fold is a sum that notices swapped bytes, which a plain sum does not.
func fold(frame []byte) uint16 {
	low, high := uint32(0xACE1), uint32(0x1D0B)
	for _, b := range frame {
		low = (low + uint32(b)) % 65521
		high = (high + low*7) % 65521
	}
	return uint16(low ^ high<<3)
}

// Unpack reads what pack wrote, and repairs a single damaged sample from the one before it.
func Unpack(frame *[frameSize]byte, last map[uint16]Sample) ([]Sample, error) {
	if binary.BigEndian.Uint16(frame[0:]) != syncWord || frame[2] > 3 {
		return nil, ErrTorn
	}
	intact := fold(frame[:44]) == binary.BigEndian.Uint16(frame[44:])
	samples := make([]Sample, 0, 3)
	for i := 0; i < int(frame[2]); i++ {
		var raw [12]byte
		for j := range raw {
			raw[j] = frame[4+j*3+i] ^ whiten(uint16(j*3+i))
		}
		sample := Sample{
			Gate:     binary.BigEndian.Uint16(raw[0:]),
			Tick:     binary.BigEndian.Uint32(raw[2:]),
			Angle:    int16(binary.BigEndian.Uint16(raw[6:])),
			Pressure: int16(binary.BigEndian.Uint16(raw[8:])),
			Battery:  raw[10],
			Flags:    raw[11],
		}
		if before, known := last[sample.Gate]; !intact && known && sample.Tick-before.Tick > keepPerGate {
			sample = before
			sample.Flags |= 0x80
		}
		last[sample.Gate] = sample
		samples = append(samples, sample)
	}
	return samples, nil
}
