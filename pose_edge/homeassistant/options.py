"""Options under `homeassistant`."""

from __future__ import annotations

from pydantic import Field

from pose_edge.options import Options, TopicName


class EntitiesOptions(Options):
    """Options under ``homeassistant.entities``: which of them exist. One set to false disappears there."""

    occupancy: bool = True
    """Whether somebody is there; the entity that carries the device's own name."""

    fall: bool = True
    """On from a confirmed fall until recovery is seen or the fall is cleared."""

    posture: bool = True
    """What the person who has been there longest is doing."""

    person_count: bool = True

    zones: bool = True
    """For each zone of `scene.zones`, whether somebody is in it."""

    alert: bool = True
    """Falls, reminders and tests, one by one, for automations."""

    detection: bool = True
    """Switch that pauses the camera."""

    clear_fall: bool = True
    """Button that ends a fall somebody has seen to."""

    test_alert: bool = True
    """Button that sends a test all the way an alert goes."""

    restart: bool = True
    """Button that restarts the device's program."""

    connection: bool = True
    """Whether the device is connected to the broker."""

    problem: bool = True
    """Whether something keeps the device from watching; its attributes say what."""

    inference_rate: bool = True
    """Poses a second."""

    soc_temperature: bool = True

    inference_time: bool = True
    """How long the model takes for a picture. This and all below exist in Home Assistant, but switched off
    until somebody enables them there."""

    slouching: bool = True
    """Somebody sits badly now; unknown while nobody sits seen from the side or from the front."""

    sedentary: bool = True
    """Somebody has been sitting too long."""

    latency: bool = True
    """From picture to message."""

    dropped_frames: bool = True

    waiting_events: bool = True
    """Events the broker has not yet acknowledged."""

    last_result_age: bool = True
    """How long ago the model last answered."""

    memory: bool = True

    disk_free: bool = True

    clock_synced: bool = True
    """Whether the device knows the time of day."""


class HomeAssistantOptions(Options):
    """Options under ``homeassistant``: how the device appears there."""

    enabled: bool = True
    """Announce the device by MQTT discovery. Costs nothing where there is no Home Assistant."""

    discovery_prefix: TopicName = "homeassistant"
    """As set in Home Assistant's MQTT integration."""

    status_topic: TopicName = "homeassistant/status"
    """Where Home Assistant says `online` after it started."""

    republish_delay_s: float = Field(5.0, ge=0, le=300)
    """Then everything is announced again, at a random moment within this time: many devices heard it."""

    remove_on_disable: bool = True
    """With `enabled: false`, remove what was announced before."""

    area: str = ""
    """Suggested room, for a device that is new there."""

    entities: EntitiesOptions = EntitiesOptions()
