// What pages do beyond links and forms. Everything works without it, but for liveness.
"use strict";
