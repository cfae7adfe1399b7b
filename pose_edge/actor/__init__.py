"""The actor: a scripted figure in a plain room, drawn well enough for the real model to see a body.

    script.py    a YAML file -> which act comes when
    timeline.py  acts in a row -> how the body is held, and what is true, at every moment
    acts.py      the table of acts: what each one moves, what holds then, what may follow
    stance.py    the angles of a body, and the stances the acts are made of
    looks.py     a seed -> proportions and colours
    figure.py    a stance -> joints in the room and in the picture
    room.py      the camera, the empty room, the chair and the mat
    shading.py   rounded, shaded shapes
    drawing.py   joints -> picture

The pictures and the truth come from the same acts, so they cannot disagree.
"""
