"""A Raspberry Pi's camera made of software, for the real picamera2 on the real libcamera.

libcamera's own software camera gives NV12 pictures as fast as the processor allows, on no clock, with hardly
a control. What is put in here is only what hardware would supply; picamera2 and libcamera's camera manager,
requests and buffers are as installed.

    switches.py  what is wrong with the camera; files, so that a test can turn them in another process
    modules.py   which camera modules there are, their modes and controls
    sensor.py    the clock: one request a frame period, however many are queued
    pixels.py    the format, the padded rows and the flips of a Pi's image processor
    memory.py    buffers without /dev/dma_heap
    install.py   puts all that in place; `install_when_imported` does so when picamera2 is first imported

Not modelled: exposure, focus and colours settling, the driver in the kernel, the memory cameras share.
"""
