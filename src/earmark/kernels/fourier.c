/* Samples to log magnitudes: eight windows at a time through one real Fourier transform.
 *
 * The transform is FFTPACK's, in doubles, every operation in the order in which numpy's pocketfft
 * does it: the magnitudes are the same to the bit, so indexes made before this file stay true. What
 * is faster is that eight windows lie side by side in a vector, and that nothing leaves the cache. */
#include "earmark.h"
#include "logarithm.h"
#include <string.h>

#define LANES 8
typedef double lanes __attribute__((vector_size(8 * LANES)));

#define SUM_AND_DIFFERENCE(sum, difference, a, b) \
    do { (sum) = (a) + (b); (difference) = (a) - (b); } while (0)
#define TURNED(re, im, c, s, x, y) \
    do { (re) = (c) * (x) + (s) * (y); (im) = (c) * (y) - (s) * (x); } while (0)
#define IN(a, b, c) in[(a) + ido * ((b) + l1 * (c))]
#define OUT(a, b, c) out[(a) + ido * ((b) + 4 * (c))]

/* One pass of radix 4 (radf4): l1 transforms of length 4 ido from four times as many. `turn` holds
 * cosine and sine of each of the three turned quarters, ido - 1 numbers a quarter. */
static inline __attribute__((always_inline)) void pass(int64_t ido, int64_t l1, const lanes *in,
                                                       lanes *out, const double *turn) {
    const double half_root = 0.707106781186547524400844362104849;
    for (int64_t k = 0; k < l1; k++) {
        lanes a, b;
        SUM_AND_DIFFERENCE(a, OUT(0, 2, k), IN(0, k, 3), IN(0, k, 1));
        SUM_AND_DIFFERENCE(b, OUT(ido - 1, 1, k), IN(0, k, 0), IN(0, k, 2));
        SUM_AND_DIFFERENCE(OUT(0, 0, k), OUT(ido - 1, 3, k), b, a);
    }
    if (ido & 1) return;
    for (int64_t k = 0; k < l1; k++) {
        lanes im = -half_root * (IN(ido - 1, k, 1) + IN(ido - 1, k, 3));
        lanes re = half_root * (IN(ido - 1, k, 1) - IN(ido - 1, k, 3));
        SUM_AND_DIFFERENCE(OUT(ido - 1, 0, k), OUT(ido - 1, 2, k), IN(ido - 1, k, 0), re);
        SUM_AND_DIFFERENCE(OUT(0, 3, k), OUT(0, 1, k), im, IN(ido - 1, k, 2));
    }
    const double *first = turn, *second = turn + (ido - 1), *third = turn + 2 * (ido - 1);
    for (int64_t k = 0; k < l1; k++)
        for (int64_t i = 2; i < ido; i += 2) {
            int64_t j = ido - i;
            lanes r1, r2, r3, r4, i1, i2, i3, i4, a2, a3, a4, b2, b3, b4;
            TURNED(a2, b2, first[i - 2], first[i - 1], IN(i - 1, k, 1), IN(i, k, 1));
            TURNED(a3, b3, second[i - 2], second[i - 1], IN(i - 1, k, 2), IN(i, k, 2));
            TURNED(a4, b4, third[i - 2], third[i - 1], IN(i - 1, k, 3), IN(i, k, 3));
            SUM_AND_DIFFERENCE(r1, r4, a4, a2);
            SUM_AND_DIFFERENCE(i1, i4, b2, b4);
            SUM_AND_DIFFERENCE(r2, r3, IN(i - 1, k, 0), a3);
            SUM_AND_DIFFERENCE(i2, i3, IN(i, k, 0), b3);
            SUM_AND_DIFFERENCE(OUT(i - 1, 0, k), OUT(j - 1, 3, k), r2, r1);
            SUM_AND_DIFFERENCE(OUT(i, 0, k), OUT(j, 3, k), i1, i2);
            SUM_AND_DIFFERENCE(OUT(i - 1, 2, k), OUT(j - 1, 1, k), r3, i4);
            SUM_AND_DIFFERENCE(OUT(i, 2, k), OUT(j, 1, k), r4, i3);
        }
}

/* out[t, f] = 0.5 ln(|X|^2 + floor_power), X being bin first + f of the samples from t * hop on
 * under the window. length is a power of 4; turns holds the passes' cosines and sines, the first
 * pass first; work has room for 2 * length + bins vectors, aligned to one. */
EXPORT FAST void em_fourier(const float *samples, int64_t frames, int64_t hop, int64_t length,
                            const float *window, const double *turns, int64_t first, int64_t bins,
                            float floor_power, void *work, float *out) {
    for (int64_t t = 0; t < frames; t += LANES) {
        lanes *a = work, *b = a + length;
        float *log = (float *)(b + length);
        const float *from[LANES];
        for (int64_t l = 0; l < LANES; l++)
            from[l] = samples + (t + l < frames ? t + l : frames - 1) * hop;
        for (int64_t i = 0; i < length; i++) {
            const float w = window[i];
            a[i] = (lanes){from[0][i] * w, from[1][i] * w, from[2][i] * w, from[3][i] * w,
                           from[4][i] * w, from[5][i] * w, from[6][i] * w, from[7][i] * w};
        }
        const double *turn = turns;
        for (int64_t l1 = length / 4, ido = 1; l1 >= 1; l1 /= 4, ido *= 4) {
            pass(ido, l1, a, b, turn);
            turn += 3 * (ido - 1);
            lanes *swap = a; a = b; b = swap;
        }
        const double *bin = (const double *)(a + 2 * first - 1);
        for (int64_t f = 0; f < bins; f++)
            for (int64_t l = 0; l < LANES; l++) {
                float re = (float)bin[2 * f * LANES + l], im = (float)bin[(2 * f + 1) * LANES + l];
                log[f * LANES + l] = 0.5f * fast_log(re * re + im * im + floor_power);
            }
        for (int64_t l = 0; l < LANES && t + l < frames; l++) {
            float *row = out + (t + l) * bins;
            for (int64_t f = 0; f < bins; f++) row[f] = log[f * LANES + l];
        }
    }
}
