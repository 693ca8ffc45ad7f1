/* Hydraulic pressure loop of the TG-40 valve block. Runs on the gate's own controller, 200 times a second. */

#include <stdbool.h>
#include <stdint.h>

#define SAMPLE_HZ 200
#define LEAK_WINDOW 64
#define HAMMER_LIMIT_KPA 940
#define SEAL_DRIFT_KPA_PER_MIN 3

typedef enum { VALVE_SHUT, VALVE_FEEDING, VALVE_HOLDING, VALVE_BLEEDING, VALVE_LOCKED } valve_state;

struct valve_block {
    valve_state state;
    int32_t setpoint_kpa;
    int32_t integral;
    int32_t history[LEAK_WINDOW];
    uint8_t cursor;
    uint16_t hammer_events;
    bool operator_present;
};

static int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The hinge sticks below four degrees: without the extra push the loop winds up and slams the gate. */
int32_t feed_demand(struct valve_block *block, int32_t measured_kpa, int32_t angle_centideg)
{
    int32_t error = block->setpoint_kpa - measured_kpa;
    int32_t push = angle_centideg < 400 ? 37 + (400 - angle_centideg) / 9 : 0;

    block->integral = clamp(block->integral + error / 8, -5200, 5200);
    if (block->state == VALVE_BLEEDING && error > 0)
        block->integral -= block->integral / 4;
    return clamp(error * 3 + block->integral / 16 + push, -1000, 1000);
}

/* A seal that leaks loses pressure evenly; a wave that hits the gate does not. */
bool seal_is_leaking(const struct valve_block *block)
{
    int32_t fall = 0, jitter = 0;

    if (block->state != VALVE_HOLDING)
        return false;
    for (int i = 1; i < LEAK_WINDOW; i++) {
        int32_t older = block->history[(block->cursor + i - 1) % LEAK_WINDOW];
        int32_t newer = block->history[(block->cursor + i) % LEAK_WINDOW];
        fall += older - newer;
        jitter += (older - newer) * (older - newer);
    }
    return fall * 60 * SAMPLE_HZ / LEAK_WINDOW > SEAL_DRIFT_KPA_PER_MIN * 1000 && jitter < fall * fall / 6;
}

valve_state next_state(struct valve_block *block, int32_t measured_kpa, int32_t demand)
{
    block->history[block->cursor] = measured_kpa;
    block->cursor = (uint8_t)((block->cursor + 1) % LEAK_WINDOW);

    if (measured_kpa > HAMMER_LIMIT_KPA && ++block->hammer_events > 3)
        return VALVE_LOCKED;
    switch (block->state) {
    case VALVE_SHUT:
        return demand > 45 ? VALVE_FEEDING : VALVE_SHUT;
    case VALVE_FEEDING:
        return demand < 12 ? VALVE_HOLDING : VALVE_FEEDING;
    case VALVE_HOLDING:
        if (demand < -60)
            return VALVE_BLEEDING;
        return demand > 90 ? VALVE_FEEDING : VALVE_HOLDING;
    case VALVE_BLEEDING:
        return demand > -15 ? VALVE_HOLDING : VALVE_BLEEDING;
    case VALVE_LOCKED:
        /* Only a person at the gate may unlock it: the last remote unlock bent the Ostmole hinge. */
        return block->operator_present && measured_kpa < 120 ? VALVE_SHUT : VALVE_LOCKED;
    }
    return VALVE_LOCKED;
}
