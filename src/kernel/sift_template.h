/* SPDX-License-Identifier: MIT */

/*
 * A binary min-heap of struct heap_node. The includer defines
 *
 *     KERNEL_FN(verb)           the name of a function of this instance
 *     KERNEL_LESS(kway, a, b)   are *a's row before *b's, both struct heap_node *
 */

/* Moves `node` down from `hole` to its place. */
static inline void
KERNEL_FN(sift_down)(const struct kway *kway, size_t hole, struct heap_node node)
{
    struct heap_node *nodes = kway->work->nodes;
    const size_t count = kway->work->node_count;

    (void)kway;
    for (;;) {
        size_t child = 2 * hole + 1;

        if (child >= count)
            break;
        if (child + 1 < count)
            child += KERNEL_LESS(kway, &nodes[child + 1], &nodes[child]);
        if (!KERNEL_LESS(kway, &nodes[child], &node))
            break;
        nodes[hole] = nodes[child];
        hole = child;
    }
    nodes[hole] = node;
}

static struct heap_node
KERNEL_FN(node_of)(const struct kway *kway, size_t input)
{
    const struct kway_input *from = &kway->inputs[input];

    return (struct heap_node){.hi = from->rows.hi[from->at],
                              .lo = from->rows.lo != NULL ? from->rows.lo[from->at] : 0,
                              .input = input};
}

/* Nodes for all inputs that have rows, in heap order. */
static enum spine_status
KERNEL_FN(heap_build)(struct kway *kway, size_t want)
{
    struct kway_work *work = kway->work;

    work->node_count = 0;
    work->open_count = 0;
    for (size_t i = 0; i < kway->input_count; i++) {
        TRY_RETURN(kway_stage_two(kway, &kway->inputs[i], want));
        if (kway_is_staged(&kway->inputs[i]))
            work->nodes[work->node_count++] = KERNEL_FN(node_of)(kway, i);
    }
    for (size_t i = work->node_count / 2; i-- > 0;)
        KERNEL_FN(sift_down)(kway, i, work->nodes[i]);
    return SPINE_OK;
}

/* Makes sure that there is a heap, and that no input lacks anything. */
static enum spine_status
KERNEL_FN(heap_begin)(struct kway *kway, size_t want)
{
    struct kway_work *work = kway->work;

    if (!work->heap_kept)
        TRY_RETURN(KERNEL_FN(heap_build)(kway, want));
    work->heap_kept = true;
    return kway_end_lack(kway, want);
}

/* Moves the top's input to its next row. */
static inline enum spine_status
KERNEL_FN(heap_advance)(struct kway *kway, size_t want)
{
    struct kway_work *work = kway->work;
    const size_t top = work->nodes[0].input;
    struct kway_input *input = &kway->inputs[top];

    input->at++;
    input->rows_left -= input->rows_left > 0;
    TRY_RETURN(kway_stage_two(kway, input, want));
    if (kway_is_staged(input))
        KERNEL_FN(sift_down)(kway, 0, KERNEL_FN(node_of)(kway, top));
    else if (--work->node_count > 0)
        KERNEL_FN(sift_down)(kway, 0, work->nodes[work->node_count]);
    return SPINE_OK;
}
