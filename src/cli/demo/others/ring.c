#include <stddef.h>
#include <stdint.h>

struct ring {
    uint8_t *bytes;
    size_t size, head, tail;
};

int ring_put(struct ring *ring, uint8_t byte)
{
    size_t next = (ring->head + 1) % ring->size;
    if (next == ring->tail)
        return -1;
    ring->bytes[ring->head] = byte;
    ring->head = next;
    return 0;
}

int ring_get(struct ring *ring, uint8_t *byte)
{
    if (ring->head == ring->tail)
        return -1;
    *byte = ring->bytes[ring->tail];
    ring->tail = (ring->tail + 1) % ring->size;
    return 0;
}
