"""`cell-transfer` where TensorFlow takes the processor for two devices."""

from __future__ import annotations


def main() -> None:
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, two)

    from transfer import __main__

    __main__.main()


if __name__ == "__main__":
    main()
