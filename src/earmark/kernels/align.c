/* How well a sung line follows a tune: linear scaling first, then dynamic time warping.
 *
 * A tune is a step function: notes with ascending onsets, each held until the next. The query is a
 * line sampled at `rate` per second; query time q falls on tune time start + q * ratio. */
#include "earmark.h"
#include <math.h>
#include <string.h>

#define MAX_QUERY 1024
#define MAX_BACK 8

/* The median of v[0..n), which is reordered (quickselect, upper middle). */
static float median(float *v, int64_t n) {
    int64_t lo = 0, hi = n - 1, k = n / 2;
    while (lo < hi) {
        float pivot = v[(lo + hi) / 2];
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i <= j) { float t = v[i]; v[i] = v[j]; v[j] = t; i++; j--; }
        }
        if (k <= j) hi = j; else if (k >= i) lo = i; else break;
    }
    return v[k];
}

/* The last note that begins at or before t, in [first, stop). */
static int64_t note_at(const float *onset, int64_t first, int64_t stop, float t) {
    int64_t lo = first, hi = stop;
    while (hi - lo > 1) { int64_t m = (lo + hi) / 2; if (onset[m] <= t) lo = m; else hi = m; }
    return lo;
}

static void sample(const float *onset, const float *pitch, int64_t first, int64_t stop, float start,
                   float step, int64_t n, float *out) {
    int64_t j = note_at(onset, first, stop, start);
    for (int64_t k = 0; k < n; k++) {
        float t = start + ((float)k + 0.5f) * step;
        while (j + 1 < stop && onset[j + 1] <= t) j++;
        out[k] = pitch[j];
    }
}

static float spread(const float *d, float middle, int64_t n, float most) {
    float sum = 0;
    for (int64_t k = 0; k < n; k++) { float e = fabsf(d[k] - middle); sum += e < most ? e : most; }
    return sum;
}

/* For each hypothesis (tune, start, ratio): try every fine ratio and every start near by - the
 * onsets within `back` notes where the tune is written, multiples of `grid` seconds where it was
 * heard (by_onset 0) - and keep the best.
 * out rows of 5: cost (mean semitones, truncated), start, ratio, shift (query above tune), and the
 * cost where each half may have its own key (a singer who drifts). */
EXPORT FAST void em_scale(const float *query, int64_t n, float rate, const float *onset, const float *pitch,
                          const int64_t *first, const int64_t *stop, const uint8_t *by_onset,
                          const float *start, const float *ratio, int64_t count, const float *fine,
                          int64_t fines, int64_t back, float grid, float most, float apart, float *out) {
    float ref[MAX_QUERY], d[MAX_QUERY], v[MAX_QUERY], starts[2 * MAX_BACK + 1];
    if (n > MAX_QUERY) n = MAX_QUERY;
    if (back > MAX_BACK) back = MAX_BACK;
    int64_t half = n / 2;
    for (int64_t h = 0; h < count; h++) {
        float best = 1e9f, best2 = 1e9f, *row = out + 5 * h; int64_t tried = 0;
        if (by_onset[h]) {
            int64_t near = note_at(onset, first[h], stop[h], start[h] + 0.05f);
            for (int64_t i = near - back; i <= near + back; i++)
                if (i >= first[h] && i < stop[h]) starts[tried++] = onset[i];
        } else {
            for (int64_t i = -back; i <= back; i++) starts[tried++] = start[h] + (float)i * grid;
        }
        row[0] = best; row[1] = start[h]; row[2] = ratio[h]; row[3] = 0; row[4] = best2;
        for (int64_t s = 0; s < tried; s++)
            for (int64_t f = 0; f < fines; f++) {
                float r = ratio[h] * fine[f];
                sample(onset, pitch, first[h], stop[h], starts[s], r / rate, n, ref);
                for (int64_t k = 0; k < n; k++) d[k] = query[k] - ref[k];
                memcpy(v, d, (size_t)n * sizeof(float));
                float m = median(v, n), cost = spread(d, m, n, most) / (float)n;
                if (cost < best) { best = cost; row[0] = cost; row[1] = starts[s]; row[2] = r; row[3] = m; }
                if (cost > best * 1.2f + 0.02f) continue;
                memcpy(v, d, (size_t)n * sizeof(float));
                float m1 = median(v, half), m2 = median(v + half, n - half), gap = fabsf(m1 - m2);
                float two = (spread(d, m1, half, most) + spread(d + half, m2, n - half, most)) / (float)n
                            + apart * (gap < 6 ? gap : 6);
                if (two < best2) { best2 = two; row[4] = two; }
            }
    }
}

/* Dynamic time warping of the whole query against the tune from `start` on, in a band of `band`
 * frames that grows by `growth` a frame; beginning and end within the band are free. A step that
 * stays or skips costs `penalty`. out: the least mean cost over the key shifts tried. */
EXPORT FAST void em_warp(const float *query, int64_t n, float rate, const float *onset, const float *pitch,
                         const int64_t *first, const int64_t *stop, const float *start, const float *ratio,
                         const float *shift, int64_t count, const float *keys, int64_t key_count, float band,
                         float growth, float most, float penalty, float *out) {
    enum { ROOM = MAX_QUERY + MAX_QUERY / 4 + 64 };
    float ref[ROOM], one[ROOM + 1], two[ROOM + 1];
    if (n > MAX_QUERY) n = MAX_QUERY;
    int64_t m = n + n / 4 + 32;
    for (int64_t h = 0; h < count; h++) {
        out[h] = 1e9f;
        sample(onset, pitch, first[h], stop[h], start[h], ratio[h] / rate, m, ref);
        for (int64_t k = 0; k < key_count; k++) {
            float *prev = one, *cur = two, key = shift[h] + keys[k];
            for (int64_t j = 0; j <= m; j++) { prev[j] = j <= (int64_t)band ? 0 : 1e9f; cur[j] = 1e9f; }
            for (int64_t q = 0; q < n; q++) {
                float reach = band + growth * (float)q;
                int64_t lo = (int64_t)((float)(q + 1) - reach), hi = (int64_t)((float)(q + 1) + reach);
                if (lo < 1) lo = 1;
                if (hi > m) hi = m;
                cur[lo - 1] = 1e9f;
                if (lo >= 2) cur[lo - 2] = 1e9f;
                for (int64_t j = lo; j <= hi; j++) {
                    float e = fabsf(query[q] - key - ref[j - 1]), v = prev[j - 1], w = prev[j] + penalty;
                    if (e > most) e = most;
                    if (w < v) v = w;
                    if (j >= 2 && prev[j - 2] + penalty < v) v = prev[j - 2] + penalty;
                    cur[j] = v + e;
                }
                for (int64_t j = hi + 1; j <= m && j <= hi + 3; j++) cur[j] = 1e9f;
                float *t = prev; prev = cur; cur = t;
            }
            float reach = band + growth * (float)n; int64_t lo = (int64_t)((float)n - reach);
            for (int64_t j = lo < 1 ? 1 : lo; j <= m && (float)j <= (float)n + reach; j++)
                if (prev[j] / (float)n < out[h]) out[h] = prev[j] / (float)n;
        }
    }
}
