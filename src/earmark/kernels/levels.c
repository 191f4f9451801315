/* Levels of interleaved channels in one pass, and their average. */
#include "earmark.h"
#include <math.h>

#define WIDE 16 /* values that are looked at side by side */
#define SPAN 64 /* frames that are passed over at once where none is hot */

/* Adds squares, and finds the highest and the lowest, of every width-th value of x[0..n); width
 * divides n. Returns how many values are no numbers or beyond `absurd`. */
static inline __attribute__((always_inline)) int64_t sweep(const float *restrict x, int64_t n,
                                                           int64_t width, float absurd,
                                                           double *restrict squares,
                                                           float *restrict high,
                                                           float *restrict low) {
    int64_t broken = 0;
    for (int64_t i = 0; i < n; i += width) {
        int32_t here = 0;
        for (int64_t l = 0; l < width; l++) {
            float v = x[i + l];
            here += !(fabsf(v) <= absurd);
            squares[l] += (double)v * (double)v;
            high[l] = v > high[l] ? v : high[l];
            low[l] = v < low[l] ? v : low[l];
        }
        broken += here;
    }
    return broken;
}

/* x: frames x channels. squares, high, low: room for `width` each, a multiple of channels, those of
 * channel c in place c afterwards. Returns how many values are broken. */
EXPORT FAST int64_t em_sweep(const float *x, int64_t frames, int64_t channels, int64_t width,
                             float absurd, double *squares, float *high, float *low) {
    int64_t n = frames * channels, whole = n - n % width;
    for (int64_t l = 0; l < width; l++) {
        squares[l] = 0;
        high[l] = -INFINITY;
        low[l] = INFINITY;
    }
    int64_t broken = width == WIDE ? sweep(x, whole, WIDE, absurd, squares, high, low)
                                   : sweep(x, whole, width, absurd, squares, high, low);
    broken += sweep(x + whole, n - whole, n - whole > 0 ? n - whole : 1, absurd, squares, high, low);
    for (int64_t l = channels; l < width; l++) {
        int64_t c = l % channels;
        squares[c] += squares[l];
        high[c] = high[l] > high[c] ? high[l] : high[c];
        low[c] = low[l] < low[c] ? low[l] : low[c];
    }
    return broken;
}

/* Values v = sign * x[i * stride]. Counts those that equal `top` (count[0]), of these the ones in
 * runs of `shortest` or more (count[1]), where a run of count[2] ended just before the first (and
 * was counted if it was long enough; count[2] becomes the run at the end); the highest that is
 * below top, at least `floor_value` and finite, and how often it is there (below, count[3]). */
EXPORT FAST void em_rail(const float *x, int64_t n, int64_t stride, float sign, float top,
                         float floor_value, int64_t shortest, float *below, int64_t *count) {
    int64_t run = count[2];
    float second = -INFINITY;
    count[0] = count[1] = count[3] = 0;
    for (int64_t from = 0; from < n; from += SPAN) {
        int64_t to = from + SPAN < n ? from + SPAN : n;
        int32_t hot = 0;
        for (int64_t i = from; i < to; i++) hot |= sign * x[i * stride] >= floor_value;
        if (!hot) {
            run = 0;
            continue;
        }
        for (int64_t i = from; i < to; i++) {
            float v = sign * x[i * stride];
            if (v == top) {
                count[0]++;
                run++;
                count[1] += run == shortest ? shortest : run > shortest;
                continue;
            }
            run = 0;
            if (v < floor_value || v < second) continue;
            count[3] = v == second ? count[3] + 1 : 1;
            second = v;
        }
    }
    *below = second;
    count[2] = run;
}

/* out[i] = the mean of frame i: each channel's share is added in order. */
EXPORT FAST void em_average(const float *x, int64_t frames, int64_t channels, float *out) {
    const float share = 1.0f / (float)channels;
    if (channels == 2) {
        for (int64_t i = 0; i < frames; i++) out[i] = x[2 * i] * share + x[2 * i + 1] * share;
        return;
    }
    for (int64_t i = 0; i < frames; i++) {
        float sum = x[i * channels] * share;
        for (int64_t c = 1; c < channels; c++) sum += x[i * channels + c] * share;
        out[i] = sum;
    }
}
