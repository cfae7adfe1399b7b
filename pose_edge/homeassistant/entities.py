"""Every entity, and where its state comes from: the table of what Home Assistant shows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pose_edge.homeassistant.options import HomeAssistantOptions
from pose_edge.payloads import POSTURES

ALERT_TYPES: Final = (
    "fall_suspected",
    "fall_confirmed",
    "fall_cleared",
    "posture_reminder",
    "inactivity",
    "loitering",
    "bed_exit",
    "chair_exit",
    "gesture",
    "camera_problem",
    "test",
)
"""Event types somebody acts on, beside those of the user's own rules. Presence and posture have entities of
their own and are left out."""

ALERT_FIELDS: Final = (
    "event_type",
    "event_id",
    "kind",
    "stage",
    "severity",
    "timestamp",
    "start_time",
    "end_time",
    "clock_synced",
    "person_id",
    "zone",
    "confidence",
    "reason",
    "test",
    "replayed",
)
"""Fields of an event that automations may use as attributes of the alert entity."""

MISSED_HEARTBEATS: Final = 3
"""After so many an entity that lives on them counts as unavailable."""

IDENTITY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What Home Assistant takes in a discovery topic."""

Component: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Announcement:
    """All that Home Assistant is told."""

    identity: str
    """Stays the same whatever the device is called: 1-64 of a-z, A-Z, 0-9, _ and -."""
    name: str
    """For people."""
    root: str
    """Its topics are below this: `pose-edge/livingroom`."""
    options: HomeAssistantOptions
    state_heartbeat_s: float
    """`state` comes at least this often while all is well."""
    health_interval_s: float
    """`health` comes at least this often."""
    model: str | None = None
    """Of the board."""
    serial: str | None = None
    zones: tuple[str, ...] = ()
    """Their names."""
    rule_types: tuple[str, ...] = ()
    """Event types of the user's own rules."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Component -> platform: announced earlier, to be removed now. See `homeassistant.gone`."""

    def __post_init__(self) -> None:
        if not IDENTITY.fullmatch(self.identity):
            raise ValueError(f"identity {self.identity!r}: allowed are 1 to 64 of a-z, A-Z, 0-9, _ and -")


def wanted(about: Announcement) -> dict[str, Component]:
    """Return the components the options ask for.

    A key never changes its platform: Home Assistant would keep the old entity beside the new one.
    """
    every = {**_people(about), **_alarm(about), **_controls(about), **_wellbeing(about), **_details(about)}
    chosen = {key: entity for key, entity in every.items() if getattr(about.options.entities, key)}
    if about.options.entities.zones:
        chosen |= _zones(about)
    return {
        # In each: a shared `qos` is inherited by newer releases only, and by 2026.2 not, without a word.
        key: {**entity, "qos": 1, "unique_id": f"{unique(about.identity)}_{key}"}
        for key, entity in chosen.items()
    }


def _seen(about: Announcement) -> Component:
    """What is seen is only as true as the pictures are fresh."""
    return {
        "availability": [{"topic": f"{about.root}/status"}, {"topic": f"{about.root}/pipeline/status"}],
        "availability_mode": "all",
        "state_topic": f"{about.root}/state",
        "expire_after": _patience_s(about.state_heartbeat_s),
    }


def _zones(about: Announcement) -> dict[str, Component]:
    """One for each zone the user has drawn."""
    return {
        f"zone_{zone}": {
            "platform": "binary_sensor",
            "name": f"Zone {zone.replace('_', ' ').replace('-', ' ').strip() or zone}",
            "device_class": "occupancy",
            **_seen(about),
            "value_template": (
                "{{ 'None' if value_json.occupied is none else"
                f" 'ON' if '{zone}' in value_json.zones else 'OFF' }}}}"
            ),
        }
        for zone in about.zones
    }


def _people(about: Announcement) -> dict[str, Component]:
    """Who is there, and what they do."""
    seen = _seen(about)
    return {
        "occupancy": {
            "platform": "binary_sensor",
            "name": None,  # it carries the device's name
            "device_class": "occupancy",
            **seen,
            "value_template": _on_off("value_json.occupied"),
        },
        "posture": {
            "platform": "sensor",
            "name": "Posture",
            "device_class": "enum",
            "options": list(POSTURES),
            "icon": "mdi:human",
            **seen,
            "value_template": "{{ value_json.posture }}",
        },
        "person_count": {
            "platform": "sensor",
            "name": "Person count",
            "state_class": "measurement",
            "icon": "mdi:account-multiple",
            **seen,
            "value_template": "{{ value_json.person_count }}",
        },
        # For a desk; elsewhere nobody wants them.
        "slouching": {
            "platform": "binary_sensor",
            "name": "Slouching",
            "icon": "mdi:seat-recline-normal",
            "enabled_by_default": False,
            **seen,
            "value_template": _on_off("value_json.slouching"),
        },
        "sedentary": {
            "platform": "binary_sensor",
            "name": "Sitting too long",
            "icon": "mdi:timer-alert-outline",
            "enabled_by_default": False,
            **seen,
            "value_template": _on_off("value_json.sedentary"),
        },
    }


def _alarm(about: Announcement) -> dict[str, Component]:
    """What people act on. A fall goes on while nothing is seen: it neither expires nor needs the camera."""
    return {
        "fall": {
            "platform": "binary_sensor",
            "name": "Fall",
            "device_class": "safety",  # on means unsafe
            "state_topic": f"{about.root}/fall/state",
            "json_attributes_topic": f"{about.root}/fall/attributes",
        },
        "alert": {
            "platform": "event",
            "name": "Alert",
            "icon": "mdi:bell-alert",
            "event_types": _alert_types(about),
            "state_topic": f"{about.root}/events",
            "value_template": _alert_template(about),
        },
    }


def _controls(about: Announcement) -> dict[str, Component]:
    return {
        "detection": {
            "platform": "switch",
            "name": "Detection",
            "icon": "mdi:motion-sensor",
            "state_topic": f"{about.root}/detection/state",
            "command_topic": f"{about.root}/detection/set",
        },
        "clear_fall": _button(about, "Clear fall", "fall/clear", icon="mdi:account-check"),
        "test_alert": _button(
            about, "Test alert", "test_alert", icon="mdi:bell-ring", entity_category="diagnostic"
        ),
        "restart": _button(about, "Restart", "restart", device_class="restart", entity_category="diagnostic"),
    }


def _wellbeing(about: Announcement) -> dict[str, Component]:
    """The device's own state, for whoever looks after it."""
    return {
        "connection": {
            "platform": "binary_sensor",
            "name": "Connection",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "availability": [],  # says "off" where all others say "unavailable"
            "state_topic": f"{about.root}/status",
            "payload_on": "online",
            "payload_off": "offline",
        },
        "problem": {
            "platform": "binary_sensor",
            "name": "Problem",
            "device_class": "problem",
            **_health(about),
            "value_template": "{{ 'OFF' if value_json.status == 'ok' else 'ON' }}",
            "json_attributes_topic": f"{about.root}/health",
            "json_attributes_template": (
                "{{ {'status': value_json.status, 'reasons': value_json.reasons,"
                " 'reason_texts': value_json.reason_texts} | tojson }}"
            ),
        },
        "inference_rate": _number(about, "Inference rate", "inference_fps", unit="fps", digits=1),
        "soc_temperature": _number(
            about, "SoC temperature", "soc_temperature_c", device_class="temperature", unit="°C"
        ),
    }


def _details(about: Announcement) -> dict[str, Component]:
    """For those who look closer; each is enabled by hand in Home Assistant."""
    duration, size = "duration", "data_size"
    numbers = {
        "inference_time": _number(
            about, "Inference time", "inference_ms_p95", device_class=duration, unit="ms"
        ),
        "latency": _number(about, "Latency", "end_to_end_ms_p95", device_class=duration, unit="ms"),
        "dropped_frames": _number(
            about, "Dropped frames", "frames_dropped_total", state_class="total_increasing"
        ),
        "waiting_events": _number(about, "Waiting events", "mqtt_queue"),
        "last_result_age": _number(
            about, "Last result age", "last_result_age_s", device_class=duration, unit="s", digits=1
        ),
        "memory": _number(about, "Memory", "rss_mb", device_class=size, unit="MiB"),
        "disk_free": _number(about, "Disk free", "disk_free_mb", device_class=size, unit="MiB"),
    }
    clock: Component = {
        "platform": "binary_sensor",
        "name": "Clock synced",
        **_health(about),
        "value_template": _on_off("value_json.clock_synced"),
    }
    every = {**numbers, "clock_synced": clock}
    return {key: {**entity, "enabled_by_default": False} for key, entity in every.items()}


def _button(about: Announcement, name: str, topic: str, **more: str) -> Component:
    command = {"command_topic": f"{about.root}/{topic}", "payload_press": "PRESS"}
    return {"platform": "button", "name": name, **command, **more}


def _number(
    about: Announcement,
    name: str,
    key: str,
    *,
    unit: str | None = None,
    digits: int = 0,
    device_class: str | None = None,
    state_class: str = "measurement",
) -> Component:
    """Return a sensor of a number in `health`; null becomes the `None` that stands for unknown there."""
    extra = {"unit_of_measurement": unit, "device_class": device_class}
    return {
        "platform": "sensor",
        "name": name,
        "state_class": state_class,
        "suggested_display_precision": digits,
        **{option: value for option, value in extra.items() if value is not None},
        **_health(about),
        "value_template": f"{{{{ value_json.{key} }}}}",
    }


def _health(about: Announcement) -> Component:
    return {
        "entity_category": "diagnostic",
        "state_topic": f"{about.root}/health",
        "expire_after": _patience_s(about.health_interval_s),
    }


def _on_off(value: str) -> str:
    """Return a template that says ON or OFF, and for null the `None` that stands for unknown there."""
    return f"{{{{ 'None' if {value} is none else 'ON' if {value} else 'OFF' }}}}"


def _alert_types(about: Announcement) -> list[str]:
    return [*ALERT_TYPES, *about.rule_types]


def _alert_template(about: Announcement) -> str:
    """Render the listed event types as JSON and all others as nothing.

    Home Assistant logs a warning for each event of a type that is not listed, and passes over nothing.
    """
    chosen = ", ".join(f"'{name}': value_json.{name}" for name in ALERT_FIELDS)
    listed = ", ".join(f"'{name}'" for name in _alert_types(about))
    return f"{{% if value_json.event_type in [{listed}] %}}{{{{ {{{chosen}}} | tojson }}}}{{% endif %}}"


def _patience_s(interval_s: float) -> int:
    return math.ceil(MISSED_HEARTBEATS * interval_s)


def unique(identity: str) -> str:
    """Return what ids of this device begin with."""
    return f"pose_edge_{identity}"
