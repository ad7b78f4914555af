"""One convex polyhedron: its inner ball, its vertices, the nearest point of it."""
