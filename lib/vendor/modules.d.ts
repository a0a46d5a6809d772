declare module 'cmake-js/bin/cmake-js';
