/* The natural logarithm that spectra are told in. */
#ifndef EARMARK_LOGARITHM_H
#define EARMARK_LOGARITHM_H
#include <stdint.h>

/* Natural logarithm to about 2e-6, written so that compilers vectorise it.
 * x must be positive and normal. Polynomial: least-squares fit of log2 on [1, 2). */
static inline float fast_log(float x) {
    union { float f; uint32_t i; } u = {x}, m;
    m.i = (u.i & 0x007fffffu) | 0x3f800000u;
    float e = (float)((int32_t)(u.i >> 23) - 127), y = m.f;
    float p = -3.0346028502f + y * (6.0898957626f + y * (-5.3017091087f + y * (3.2494665613f
              + y * (-1.2479624954f + y * (0.2700374574f + y * -0.0251232033f)))));
    return 0.69314718056f * (e + p);
}
#endif
