/* Pairs of peaks as hashes, and the vote over alignments. */
#include "earmark.h"
#include <stdlib.h>
#include <string.h>

/* Wang (2003): a hash is the anchor's bin, the bins up to the target and the frames up to it. */
static inline uint32_t hash_of(int64_t bin, int64_t bins_up, int64_t frames_on) {
    return (uint32_t)(bin << 13 | (bins_up + 64) << 6 | frames_on);
}

/* Reference side: every peak with its `fan` nearest later peaks, 2 <= dt <= 63, |df| <= 63.
 * Peaks are in time order. Returns how many were written (room: n * fan). */
EXPORT int64_t em_pairs(const uint32_t *t, const uint32_t *f, int64_t n, int64_t fan, uint32_t *hash,
                        uint32_t *frame) {
    int64_t out = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        for (int64_t j = i + 1; j < n && k < fan; j++) {
            int64_t dt = (int64_t)t[j] - t[i], df = (int64_t)f[j] - f[i];
            if (dt > 63) break;
            if (dt < 2 || df > 63 || df < -63) continue;
            hash[out] = hash_of(f[i], df, dt); frame[out++] = t[i]; k++;
        }
    }
    return out;
}

/* Query side: the same pairs, each also one frame shorter and longer, with a weight: the product of
 * the two saliences, times `off_weight` for the two guesses. Returns the count (at most `room`). */
EXPORT int64_t em_query_pairs(const uint32_t *t, const uint32_t *f, const float *s, int64_t n,
                              int64_t fan, float off_weight, int64_t room, uint32_t *hash,
                              uint32_t *frame, float *weight) {
    int64_t out = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        for (int64_t j = i + 1; j < n && k < fan; j++) {
            int64_t dt = (int64_t)t[j] - t[i], df = (int64_t)f[j] - f[i];
            if (dt > 63) break;
            if (dt < 1 || df > 63 || df < -63) continue;
            k++;
            for (int64_t g = -1; g <= 1; g++) {
                if (dt + g < 2 || dt + g > 63) continue;
                if (out >= room) return out;
                hash[out] = hash_of(f[i], df, dt + g); frame[out] = t[i];
                weight[out++] = s[i] * s[j] * (g ? off_weight : 1.0f);
            }
        }
    }
    return out;
}

typedef struct { int64_t offset; float weight; } Cell;
static int by_offset(const void *a, const void *b) {
    const Cell *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}
static int by_weight(const void *a, const void *b) {
    const Cell *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Two frames a slot; distant slots share one, which adds noise but hides nothing. */
static inline uint32_t slot_of(int64_t offset, uint32_t mask) {
    uint64_t c = (uint64_t)offset >> 1;
    return (uint32_t)((c ^ (c >> 17)) & mask);
}

/* The lightest slot sum that about `want` slots reach, by a histogram over [0, top]. */
static float cut_for(const float *slot, uint32_t slots, int64_t want) {
    enum { LEVELS = 4096 };
    uint32_t level[LEVELS] = {0}; float top = 0;
    for (uint32_t c = 0; c < slots; c++) top = slot[c] > top ? slot[c] : top;
    if (top <= 0) return 1e30f;
    float step = top / (LEVELS - 1);
    for (uint32_t c = 0; c < slots; c++) if (slot[c] > 0) level[(uint32_t)(slot[c] / step)]++;
    int64_t have = 0; int64_t i = LEVELS - 1;
    for (; i > 0; i--) { if (have + level[i] > want && have > 0) break; have += level[i]; }
    return (float)(i + 1 < LEVELS ? i + 1 : i) * step * 0.999f;
}

/* The `top` alignments (position - query frame) of greatest weight within +-1 frame, heaviest first.
 * Two passes: a coarse hashed sum finds the few busy slots, then only their hits are sorted.
 * base keeps offsets non-negative. Returns how many were written, -1 when memory is out. */
EXPORT int64_t em_vote(const uint32_t *query_index, const int64_t *position, int64_t n,
                       const uint32_t *frame_of, const float *weight_of, int64_t base, int64_t top,
                       int64_t *out_offset, float *out_weight) {
    if (n <= 0 || top <= 0) return 0;
    uint32_t slots = 1u << 14;
    while (slots < (1u << 20) && (int64_t)slots < 2 * n) slots <<= 1;
    uint32_t mask = slots - 1;
    float *slot = calloc(slots, sizeof(float));
    if (!slot) return -1;
    for (int64_t i = 0; i < n; i++) {
        uint32_t q = query_index[i];
        slot[slot_of(position[i] - frame_of[q] + base, mask)] += weight_of[q];
    }
    float cut = cut_for(slot, slots, 2 * top);
    int64_t m = 0, room = 4096;
    Cell *hit = malloc((size_t)room * sizeof(Cell));
    if (!hit) { free(slot); return -1; }
    for (int64_t i = 0; i < n; i++) {
        uint32_t q = query_index[i];
        int64_t o = position[i] - frame_of[q] + base;
        /* an alignment may straddle two slots: its lighter half comes along */
        if (slot[slot_of(o, mask)] < cut && slot[slot_of(o + 2, mask)] < cut
            && slot[slot_of(o - 2, mask)] < cut) continue;
        if (m == room) {
            Cell *more = realloc(hit, (size_t)(room *= 2) * sizeof(Cell));
            if (!more) { free(hit); free(slot); return -1; }
            hit = more;
        }
        hit[m++] = (Cell){o, weight_of[q]};
    }
    free(slot);
    qsort(hit, (size_t)m, sizeof(Cell), by_offset);
    int64_t cells = 0;                            /* sum per offset, in place */
    for (int64_t i = 0; i < m;) {
        Cell sum = hit[i]; int64_t j = i + 1;
        for (; j < m && hit[j].offset == sum.offset; j++) sum.weight += hit[j].weight;
        hit[cells++] = sum; i = j;
    }
    Cell *near = malloc((size_t)(cells + 1) * sizeof(Cell));
    if (!near) { free(hit); return -1; }
    for (int64_t i = 0; i < cells; i++) {
        float w = hit[i].weight;
        if (i > 0 && hit[i - 1].offset == hit[i].offset - 1) w += hit[i - 1].weight;
        if (i + 1 < cells && hit[i + 1].offset == hit[i].offset + 1) w += hit[i + 1].weight;
        near[i] = (Cell){hit[i].offset, w};
    }
    int64_t kept = 0;                             /* of neighbours within 2 frames keep the best */
    for (int64_t i = 0; i < cells; i++) {
        int best = 1;
        for (int64_t j = i - 1; best && j >= 0 && near[j].offset >= near[i].offset - 2; j--)
            best = near[j].weight < near[i].weight;
        for (int64_t j = i + 1; best && j < cells && near[j].offset <= near[i].offset + 2; j++)
            best = near[j].weight <= near[i].weight;
        if (best) hit[kept++] = near[i];
    }
    free(near);
    qsort(hit, (size_t)kept, sizeof(Cell), by_weight);
    if (kept > top) kept = top;
    for (int64_t i = 0; i < kept; i++) { out_offset[i] = hit[i].offset - base; out_weight[i] = hit[i].weight; }
    free(hit);
    return kept;
}
