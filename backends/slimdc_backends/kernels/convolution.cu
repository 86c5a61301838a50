// What convolutions need beside matrix products, and a block of one with ReLU and 2 x 2 pooling.
//
// Whoever compiles this defines `real`, float or double. Arrays are contiguous, images NHWC. A block
// of threads takes one row of pixels, and neighbouring threads take neighbouring channels: what a
// warp reads or writes together lies together. Nothing is added atomically and no memory is shared:
// every value is written once, by one thread, and sums have a fixed order, so that results repeat
// to the bit. The same source runs on a CPU, one thread after another, where there is no GPU.

// Four words that move as one: channels that come in multiples of 16 bytes are copied by these.
struct alignas(16) Quad {
    unsigned int word[4];
};

// Copies only: floats and doubles, one by one or several at a time, are all the same to it.
template <typename Item>
__device__ void gather(
    const Item *__restrict__ x, Item *__restrict__ patches, int height, int width, int channels,
    int rows, int columns, int r, int stride, int padding)
{
    const int line = blockIdx.x, image = line / rows;
    const int top = (line - image * rows) * stride - padding;
    // A row of a patch lies together in the image as well as in the patch.
    const int run = r * channels, patch = r * run, across = width * channels;
    const long long start = (long long)image * height * across;
    Item *to = patches + (long long)line * columns * patch;
    for (int at = threadIdx.x; at < columns * patch; at += blockDim.x) {
        const int column = at / patch, i = (at - column * patch) / run;
        const int y = top + i;
        const int left = (column * stride - padding) * channels;
        const int from = left + at - column * patch - i * run;
        const bool inside = 0 <= y && y < height && 0 <= from && from < across;
        to[at] = inside ? x[start + (long long)y * across + from] : Item();
    }
}

// Patches (n * rows * columns, r * r * channels) of images (n, height, width, channels), a stride
// apart, with zeros beyond their borders. One block for each of n * rows.
extern "C" __global__ void im2col(
    const real *__restrict__ x, real *__restrict__ patches, int height, int width, int channels,
    int rows, int columns, int r, int stride, int padding)
{
    const int wide = sizeof(Quad) / sizeof(real);
    // Images may be a view that starts anywhere.
    const bool aligned = ((size_t)x | (size_t)patches) % sizeof(Quad) == 0;
    if (channels % wide == 0 && aligned)
        gather((const Quad *)x, (Quad *)patches, height, width, channels / wide, rows, columns, r,
               stride, padding);
    else
        gather(x, patches, height, width, channels, rows, columns, r, stride, padding);
}

// The patch whose i-th row or column lies at a place of an image, or -1 where there is none.
__device__ int patch_at(int place, int stride, int count)
{
    // Most convolutions have a stride of 1, and a division takes longer than all else here.
    const int patch = stride == 1 ? place : place / stride;
    return 0 <= place && patch < count && patch * stride == place ? patch : -1;
}

// The sum of patches back into images: im2col's transpose. One block for each of n * height.
extern "C" __global__ void col2im(
    const real *__restrict__ patches, real *__restrict__ x, int height, int width, int channels,
    int rows, int columns, int r, int stride, int padding)
{
    const int line = blockIdx.x, image = line / height, y = line - image * height;
    real *to = x + (long long)line * width * channels;
    for (int at = threadIdx.x; at < width * channels; at += blockDim.x) {
        const int across = at / channels, channel = at - across * channels;
        real sum = 0;
        for (int i = 0; i < r; i++) {
            const int row = patch_at(y + padding - i, stride, rows);
            if (row < 0)
                continue;
            for (int j = 0; j < r; j++) {
                const int column = patch_at(across + padding - j, stride, columns);
                if (column < 0)
                    continue;
                const long long pixel = ((long long)image * rows + row) * columns + column;
                sum += patches[(pixel * r * r + i * r + j) * channels + channel];
            }
        }
        to[at] = sum;
    }
}

// Bias, ReLU and pooling of z (n, rows, columns, channels). Bit 2 * i + j of the mask says that the
// value in row i and column j of a window passed. One block for each of n * (rows / 2).
extern "C" __global__ void pool(
    const real *__restrict__ z, const real *__restrict__ bias, real *__restrict__ pooled,
    unsigned char *__restrict__ mask, int rows, int columns, int channels)
{
    const int line = blockIdx.x, image = line / (rows / 2), row = 2 * (line - image * (rows / 2));
    const int half = columns / 2;
    const long long start = ((long long)image * rows + row) * columns * channels;
    const long long to = (long long)line * half * channels;
    for (int at = threadIdx.x; at < half * channels; at += blockDim.x) {
        const int column = at / channels, channel = at - column * channels;
        const real *window = z + start + at + column * channels;
        real sum = 0;
        unsigned int passed = 0;
        for (int corner = 0; corner < 4; corner++) {
            const int i = corner / 2, j = corner % 2;
            const real value = window[(i * columns + j) * channels] + bias[channel];
            // Nothing else lets NaN through, and a run that diverges must be noticed.
            sum += value <= 0 ? 0 : value;
            passed |= (unsigned int)(value > 0) << corner;
        }
        pooled[to + at] = sum * (real)0.25;
        mask[to + at] = passed;
    }
}

// From the pooled gradient to that of z, zeros in a last odd row or column. One block for each of
// n * rows.
extern "C" __global__ void unpool(
    const real *__restrict__ gradient, const unsigned char *__restrict__ mask,
    real *__restrict__ of_z, int rows, int columns, int channels)
{
    const int line = blockIdx.x, image = line / rows, row = line - image * rows;
    const int half_rows = rows / 2, half = columns / 2;
    const long long start = ((long long)image * half_rows + row / 2) * half * channels;
    real *to = of_z + (long long)line * columns * channels;
    for (int at = threadIdx.x; at < columns * channels; at += blockDim.x) {
        const int column = at / channels, channel = at - column * channels;
        real value = 0;
        if (row / 2 < half_rows && column / 2 < half) {
            const long long from = start + column / 2 * channels + channel;
            if (mask[from] >> (row % 2 * 2 + column % 2) & 1)
                value = gradient[from] * (real)0.25;
        }
        to[at] = value;
    }
}

// Parts (count, channels) of the bias's gradient: part i sums every count-th position from i. The
// threads of all blocks together are at least count * channels.
extern "C" __global__ void bias_parts(
    const real *__restrict__ gradient, const unsigned char *__restrict__ mask,
    real *__restrict__ parts, int positions, int channels, int count)
{
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count * channels)
        return;
    real sum = 0;
    for (int position = at / channels; position < positions; position += count) {
        const long long from = (long long)position * channels + at % channels;
        const unsigned int passed = mask[from];
        sum += gradient[from] * (passed % 2 + passed / 2 % 2 + passed / 4 % 2 + passed / 8);
    }
    parts[at] = sum * (real)0.25;
}
