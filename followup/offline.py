"""astropy and astroplan as an observatory behind a bad line needs them: never asking the network.

Earth orientation comes from the table that the package ``astropy-iers-data`` brings; beyond its end
(about a year after its release) astropy goes on with a degraded accuracy of a second of time, which
planning does not notice. Whoever needs astroplan takes it from here.
"""

from __future__ import annotations

from astropy.utils import iers

from followup.earth_orientation import earth_orientation

iers.conf.auto_download = False
iers.conf.auto_max_age = None
iers.earth_orientation_table.set(earth_orientation())

import astroplan  # noqa: E402  (it opens the Earth orientation table while it is imported: settings first)

__all__ = ["astroplan"]
