/* A V4L2 camera without a kernel: preload this, and the file named by FAKE_CAMERA is one.
 *
 * Real are OpenCV's V4L2 code, poll and select. The driver is simulated: four buffers, one picture per period as
 * long as one of them is queued, YUYV (all of its luma counts the pictures) and MJPG (always the file FAKE_JPEG).
 * What stands in the camera's file steers it: "stall" delivers nothing, "short" delivers half pictures, "gone"
 * fails as if unplugged, "busy" as if in use, "grey" knows only that format, "metadata" is no camera.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 4
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static struct { unsigned char *memory; int queued, bytes; struct timeval at; } buffers[BUFFERS];
static int fd = -1, running, done[BUFFERS], first_done, dones;
static unsigned width = 640, height = 480, format = V4L2_PIX_FMT_YUYV, fps = 30, sequence;
static unsigned char jpeg[1 << 20];
static int jpeg_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread;

static int told(const char *word) {
    char text[16] = {0};
    int file = REAL(open)(getenv("FAKE_CAMERA"), O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) < 0) text[0] = 0;
    REAL(close)(file);
    return !strncmp(text, word, strlen(word));
}

static void fill(int index) {
    unsigned char *to = buffers[index].memory;
    struct timespec now;
    if (format == V4L2_PIX_FMT_MJPEG) {
        memcpy(to, jpeg, jpeg_bytes);
        buffers[index].bytes = jpeg_bytes;
    } else if (format == V4L2_PIX_FMT_GREY) {
        buffers[index].bytes = width * height;
        memset(to, (unsigned char)sequence, buffers[index].bytes);
    } else {
        buffers[index].bytes = width * height * 2;
        memset(to, 128, buffers[index].bytes);
        for (unsigned i = 0; i < width * height; i++) to[2 * i] = (unsigned char)sequence;
    }
    if (told("short")) buffers[index].bytes /= 2, *to ^= 0xff;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffers[index].at = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
}

static void *sensor(void *unused) {
    while (running) {
        usleep(1000000 / fps);
        if (told("stall")) continue;
        pthread_mutex_lock(&lock);
        sequence++;
        for (int i = 0; i < BUFFERS; i++)
            if (buffers[i].queued == 1) {
                uint64_t one = 1;
                fill(i);
                buffers[i].queued = 2;
                done[(first_done + dones++) % BUFFERS] = i;
                if (write(fd, &one, 8) != 8) abort();
                break;
            }
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static int fail(int error) { errno = error; return -1; }

static int dequeue(struct v4l2_buffer *buffer) {
    uint64_t one;
    if (told("gone")) return fail(ENODEV);
    if (read(fd, &one, 8) != 8) return fail(EAGAIN);
    pthread_mutex_lock(&lock);
    int index = done[first_done];
    first_done = (first_done + 1) % BUFFERS, dones--;
    buffers[index].queued = 0;
    buffer->index = index;
    buffer->bytesused = buffers[index].bytes;
    buffer->length = width * height * 2;
    buffer->timestamp = buffers[index].at;
    pthread_mutex_unlock(&lock);
    return 0;
}

static int answer(unsigned long request, void *about) {
    struct v4l2_capability *capability = about;
    struct v4l2_format *wish = about;
    struct v4l2_streamparm *rate = about;
    struct v4l2_buffer *buffer = about;
    switch (request) {
    case VIDIOC_QUERYCAP:
        memset(capability, 0, sizeof *capability);
        strcpy((char *)capability->card, "Preloaded Camera");
        capability->device_caps = told("metadata") ? V4L2_CAP_META_CAPTURE : V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        capability->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_META_CAPTURE | V4L2_CAP_DEVICE_CAPS;
        return 0;
    case VIDIOC_S_FMT:
        if (told("busy")) return fail(EBUSY);
        if (told("grey"))
            format = V4L2_PIX_FMT_GREY;
        else if (wish->fmt.pix.pixelformat == V4L2_PIX_FMT_MJPEG || wish->fmt.pix.pixelformat == V4L2_PIX_FMT_YUYV)
            format = wish->fmt.pix.pixelformat;
        width = wish->fmt.pix.width > 640 ? 1280 : 640, height = width * 3 / 4; /* fall through */
    case VIDIOC_G_FMT:
        wish->fmt.pix.width = width, wish->fmt.pix.height = height, wish->fmt.pix.pixelformat = format;
        wish->fmt.pix.bytesperline = width * 2, wish->fmt.pix.sizeimage = width * height * 2;
        return 0;
    case VIDIOC_S_PARM:
        fps = rate->parm.capture.timeperframe.denominator; /* fall through */
    case VIDIOC_G_PARM:
        rate->parm.capture.timeperframe = (struct v4l2_fract){1, fps};
        return 0;
    case VIDIOC_REQBUFS:
        ((struct v4l2_requestbuffers *)about)->count = ((struct v4l2_requestbuffers *)about)->count ? BUFFERS : 0;
        return 0;
    case VIDIOC_QUERYBUF:
        buffer->length = width * height * 2, buffer->m.offset = buffer->index << 12;
        return 0;
    case VIDIOC_QBUF:
        pthread_mutex_lock(&lock);
        buffers[buffer->index].queued = 1;
        pthread_mutex_unlock(&lock);
        return 0;
    case VIDIOC_DQBUF:
        return dequeue(buffer);
    case VIDIOC_STREAMON:
        running = 1;
        return pthread_create(&thread, NULL, sensor, NULL);
    case VIDIOC_STREAMOFF:
        if (running) running = 0, pthread_join(thread, NULL);
        memset(done, 0, sizeof done), first_done = dones = 0;
        for (uint64_t one; read(fd, &one, 8) == 8;) {}
        for (int i = 0; i < BUFFERS; i++) buffers[i].queued = 0;
        return 0;
    }
    return fail(EINVAL);
}

static int open_camera(void) {
    int file = REAL(open)(getenv("FAKE_JPEG"), O_RDONLY);
    jpeg_bytes = file < 0 ? 0 : (int)read(file, jpeg, sizeof jpeg);
    return fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
}

static int is_camera(const char *path) {
    const char *camera = getenv("FAKE_CAMERA");
    return camera && !strcmp(path, camera);
}

#define OPEN(name)                                                                   \
    int name(const char *path, int flags, ...) {                                     \
        va_list rest;                                                                \
        va_start(rest, flags);                                                       \
        int mode = va_arg(rest, int);                                                \
        va_end(rest);                                                                \
        return is_camera(path) && (flags & O_ACCMODE) == O_RDWR ? open_camera() : REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int ioctl(int on, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *about = va_arg(rest, void *);
    va_end(rest);
    if (on == fd && fd >= 0) return answer(request & 0xffffffff, about);
    return ((int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl"))(on, request, about);
}

#define MMAP(name)                                                                              \
    void *name(void *at, size_t length, int protection, int flags, int from, off_t offset) {    \
        if (from != fd || fd < 0) return REAL(name)(at, length, protection, flags, from, offset); \
        void *memory = REAL(name)(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); \
        return buffers[offset >> 12].memory = memory;                                           \
    }
MMAP(mmap)
MMAP(mmap64)

int close(int which) {
    if (which == fd) fd = -1;
    return REAL(close)(which);
}
