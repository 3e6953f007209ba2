"""A diagram in steps: frames over one fixed layout, written as images, slides, a film or Beamer overlays."""
