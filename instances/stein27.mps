NAME stein27
ROWS
 N obj
 G r0
 G r1
 G r2
 G r3
 G r4
 G r5
 G r6
 G r7
 G r8
 G r9
 G r10
 G r11
 G r12
 G r13
 G r14
 G r15
 G r16
 G r17
 G r18
 G r19
 G r20
 G r21
 G r22
 G r23
 G r24
 G r25
 G r26
 G r27
 G r28
 G r29
 G r30
 G r31
 G r32
 G r33
 G r34
 G r35
 G r36
 G r37
 G r38
 G r39
 G r40
 G r41
 G r42
 G r43
 G r44
 G r45
 G r46
 G r47
 G r48
 G r49
 G r50
 G r51
 G r52
 G r53
 G r54
 G r55
 G r56
 G r57
 G r58
 G r59
 G r60
 G r61
 G r62
 G r63
 G r64
 G r65
 G r66
 G r67
 G r68
 G r69
 G r70
 G r71
 G r72
 G r73
 G r74
 G r75
 G r76
 G r77
 G r78
 G r79
 G r80
 G r81
 G r82
 G r83
 G r84
 G r85
 G r86
 G r87
 G r88
 G r89
 G r90
 G r91
 G r92
 G r93
 G r94
 G r95
 G r96
 G r97
 G r98
 G r99
 G r100
 G r101
 G r102
 G r103
 G r104
 G r105
 G r106
 G r107
 G r108
 G r109
 G r110
 G r111
 G r112
 G r113
 G r114
 G r115
 G r116
COLUMNS
 MARKER 'MARKER' 'INTORG'
 x0 obj 1.0
 x0 r0 1.0
 x0 r1 1.0
 x0 r2 1.0
 x0 r3 1.0
 x0 r4 1.0
 x0 r5 1.0
 x0 r6 1.0
 x0 r7 1.0
 x0 r8 1.0
 x0 r9 1.0
 x0 r10 1.0
 x0 r11 1.0
 x0 r12 1.0
 x1 obj 1.0
 x1 r0 1.0
 x1 r13 1.0
 x1 r14 1.0
 x1 r15 1.0
 x1 r16 1.0
 x1 r17 1.0
 x1 r18 1.0
 x1 r19 1.0
 x1 r20 1.0
 x1 r21 1.0
 x1 r22 1.0
 x1 r23 1.0
 x1 r24 1.0
 x2 obj 1.0
 x2 r0 1.0
 x2 r25 1.0
 x2 r26 1.0
 x2 r27 1.0
 x2 r28 1.0
 x2 r29 1.0
 x2 r30 1.0
 x2 r31 1.0
 x2 r32 1.0
 x2 r33 1.0
 x2 r34 1.0
 x2 r35 1.0
 x2 r36 1.0
 x3 obj 1.0
 x3 r1 1.0
 x3 r13 1.0
 x3 r25 1.0
 x3 r37 1.0
 x3 r38 1.0
 x3 r39 1.0
 x3 r40 1.0
 x3 r41 1.0
 x3 r42 1.0
 x3 r43 1.0
 x3 r44 1.0
 x3 r45 1.0
 x3 r46 1.0
 x4 obj 1.0
 x4 r2 1.0
 x4 r14 1.0
 x4 r26 1.0
 x4 r37 1.0
 x4 r47 1.0
 x4 r48 1.0
 x4 r49 1.0
 x4 r50 1.0
 x4 r51 1.0
 x4 r52 1.0
 x4 r53 1.0
 x4 r54 1.0
 x4 r55 1.0
 x5 obj 1.0
 x5 r3 1.0
 x5 r15 1.0
 x5 r27 1.0
 x5 r37 1.0
 x5 r56 1.0
 x5 r57 1.0
 x5 r58 1.0
 x5 r59 1.0
 x5 r60 1.0
 x5 r61 1.0
 x5 r62 1.0
 x5 r63 1.0
 x5 r64 1.0
 x6 obj 1.0
 x6 r1 1.0
 x6 r15 1.0
 x6 r26 1.0
 x6 r65 1.0
 x6 r66 1.0
 x6 r67 1.0
 x6 r68 1.0
 x6 r69 1.0
 x6 r70 1.0
 x6 r71 1.0
 x6 r72 1.0
 x6 r73 1.0
 x6 r74 1.0
 x7 obj 1.0
 x7 r3 1.0
 x7 r14 1.0
 x7 r25 1.0
 x7 r65 1.0
 x7 r75 1.0
 x7 r76 1.0
 x7 r77 1.0
 x7 r78 1.0
 x7 r79 1.0
 x7 r80 1.0
 x7 r81 1.0
 x7 r82 1.0
 x7 r83 1.0
 x8 obj 1.0
 x8 r2 1.0
 x8 r13 1.0
 x8 r27 1.0
 x8 r65 1.0
 x8 r84 1.0
 x8 r85 1.0
 x8 r86 1.0
 x8 r87 1.0
 x8 r88 1.0
 x8 r89 1.0
 x8 r90 1.0
 x8 r91 1.0
 x8 r92 1.0
 x9 obj 1.0
 x9 r4 1.0
 x9 r16 1.0
 x9 r28 1.0
 x9 r38 1.0
 x9 r47 1.0
 x9 r56 1.0
 x9 r66 1.0
 x9 r75 1.0
 x9 r84 1.0
 x9 r93 1.0
 x9 r94 1.0
 x9 r95 1.0
 x9 r96 1.0
 x10 obj 1.0
 x10 r5 1.0
 x10 r17 1.0
 x10 r29 1.0
 x10 r39 1.0
 x10 r48 1.0
 x10 r57 1.0
 x10 r67 1.0
 x10 r76 1.0
 x10 r85 1.0
 x10 r93 1.0
 x10 r97 1.0
 x10 r98 1.0
 x10 r99 1.0
 x11 obj 1.0
 x11 r6 1.0
 x11 r18 1.0
 x11 r30 1.0
 x11 r40 1.0
 x11 r49 1.0
 x11 r58 1.0
 x11 r68 1.0
 x11 r77 1.0
 x11 r86 1.0
 x11 r93 1.0
 x11 r100 1.0
 x11 r101 1.0
 x11 r102 1.0
 x12 obj 1.0
 x12 r7 1.0
 x12 r19 1.0
 x12 r31 1.0
 x12 r41 1.0
 x12 r50 1.0
 x12 r59 1.0
 x12 r69 1.0
 x12 r78 1.0
 x12 r87 1.0
 x12 r94 1.0
 x12 r97 1.0
 x12 r100 1.0
 x12 r103 1.0
 x13 obj 1.0
 x13 r8 1.0
 x13 r20 1.0
 x13 r32 1.0
 x13 r42 1.0
 x13 r51 1.0
 x13 r60 1.0
 x13 r70 1.0
 x13 r79 1.0
 x13 r88 1.0
 x13 r95 1.0
 x13 r98 1.0
 x13 r101 1.0
 x13 r103 1.0
 x14 obj 1.0
 x14 r9 1.0
 x14 r21 1.0
 x14 r33 1.0
 x14 r43 1.0
 x14 r52 1.0
 x14 r61 1.0
 x14 r71 1.0
 x14 r80 1.0
 x14 r89 1.0
 x14 r96 1.0
 x14 r99 1.0
 x14 r102 1.0
 x14 r103 1.0
 x15 obj 1.0
 x15 r10 1.0
 x15 r22 1.0
 x15 r34 1.0
 x15 r44 1.0
 x15 r53 1.0
 x15 r62 1.0
 x15 r72 1.0
 x15 r81 1.0
 x15 r90 1.0
 x15 r94 1.0
 x15 r99 1.0
 x15 r101 1.0
 x15 r104 1.0
 x16 obj 1.0
 x16 r11 1.0
 x16 r23 1.0
 x16 r35 1.0
 x16 r45 1.0
 x16 r54 1.0
 x16 r63 1.0
 x16 r73 1.0
 x16 r82 1.0
 x16 r91 1.0
 x16 r96 1.0
 x16 r98 1.0
 x16 r100 1.0
 x16 r104 1.0
 x17 obj 1.0
 x17 r12 1.0
 x17 r24 1.0
 x17 r36 1.0
 x17 r46 1.0
 x17 r55 1.0
 x17 r64 1.0
 x17 r74 1.0
 x17 r83 1.0
 x17 r92 1.0
 x17 r95 1.0
 x17 r97 1.0
 x17 r102 1.0
 x17 r104 1.0
 x18 obj 1.0
 x18 r4 1.0
 x18 r18 1.0
 x18 r29 1.0
 x18 r44 1.0
 x18 r55 1.0
 x18 r63 1.0
 x18 r69 1.0
 x18 r80 1.0
 x18 r88 1.0
 x18 r105 1.0
 x18 r106 1.0
 x18 r107 1.0
 x18 r108 1.0
 x19 obj 1.0
 x19 r6 1.0
 x19 r17 1.0
 x19 r28 1.0
 x19 r46 1.0
 x19 r54 1.0
 x19 r62 1.0
 x19 r71 1.0
 x19 r79 1.0
 x19 r87 1.0
 x19 r105 1.0
 x19 r109 1.0
 x19 r110 1.0
 x19 r111 1.0
 x20 obj 1.0
 x20 r5 1.0
 x20 r16 1.0
 x20 r30 1.0
 x20 r45 1.0
 x20 r53 1.0
 x20 r64 1.0
 x20 r70 1.0
 x20 r78 1.0
 x20 r89 1.0
 x20 r105 1.0
 x20 r112 1.0
 x20 r113 1.0
 x20 r114 1.0
 x21 obj 1.0
 x21 r10 1.0
 x21 r24 1.0
 x21 r35 1.0
 x21 r41 1.0
 x21 r52 1.0
 x21 r60 1.0
 x21 r66 1.0
 x21 r77 1.0
 x21 r85 1.0
 x21 r106 1.0
 x21 r109 1.0
 x21 r112 1.0
 x21 r115 1.0
 x22 obj 1.0
 x22 r12 1.0
 x22 r23 1.0
 x22 r34 1.0
 x22 r43 1.0
 x22 r51 1.0
 x22 r59 1.0
 x22 r68 1.0
 x22 r76 1.0
 x22 r84 1.0
 x22 r107 1.0
 x22 r110 1.0
 x22 r113 1.0
 x22 r115 1.0
 x23 obj 1.0
 x23 r11 1.0
 x23 r22 1.0
 x23 r36 1.0
 x23 r42 1.0
 x23 r50 1.0
 x23 r61 1.0
 x23 r67 1.0
 x23 r75 1.0
 x23 r86 1.0
 x23 r108 1.0
 x23 r111 1.0
 x23 r114 1.0
 x23 r115 1.0
 x24 obj 1.0
 x24 r7 1.0
 x24 r21 1.0
 x24 r32 1.0
 x24 r38 1.0
 x24 r49 1.0
 x24 r57 1.0
 x24 r72 1.0
 x24 r83 1.0
 x24 r91 1.0
 x24 r106 1.0
 x24 r111 1.0
 x24 r113 1.0
 x24 r116 1.0
 x25 obj 1.0
 x25 r9 1.0
 x25 r20 1.0
 x25 r31 1.0
 x25 r40 1.0
 x25 r48 1.0
 x25 r56 1.0
 x25 r74 1.0
 x25 r82 1.0
 x25 r90 1.0
 x25 r108 1.0
 x25 r110 1.0
 x25 r112 1.0
 x25 r116 1.0
 x26 obj 1.0
 x26 r8 1.0
 x26 r19 1.0
 x26 r33 1.0
 x26 r39 1.0
 x26 r47 1.0
 x26 r58 1.0
 x26 r73 1.0
 x26 r81 1.0
 x26 r92 1.0
 x26 r107 1.0
 x26 r109 1.0
 x26 r114 1.0
 x26 r116 1.0
RHS
 RHS r0 1.0
 RHS r1 1.0
 RHS r2 1.0
 RHS r3 1.0
 RHS r4 1.0
 RHS r5 1.0
 RHS r6 1.0
 RHS r7 1.0
 RHS r8 1.0
 RHS r9 1.0
 RHS r10 1.0
 RHS r11 1.0
 RHS r12 1.0
 RHS r13 1.0
 RHS r14 1.0
 RHS r15 1.0
 RHS r16 1.0
 RHS r17 1.0
 RHS r18 1.0
 RHS r19 1.0
 RHS r20 1.0
 RHS r21 1.0
 RHS r22 1.0
 RHS r23 1.0
 RHS r24 1.0
 RHS r25 1.0
 RHS r26 1.0
 RHS r27 1.0
 RHS r28 1.0
 RHS r29 1.0
 RHS r30 1.0
 RHS r31 1.0
 RHS r32 1.0
 RHS r33 1.0
 RHS r34 1.0
 RHS r35 1.0
 RHS r36 1.0
 RHS r37 1.0
 RHS r38 1.0
 RHS r39 1.0
 RHS r40 1.0
 RHS r41 1.0
 RHS r42 1.0
 RHS r43 1.0
 RHS r44 1.0
 RHS r45 1.0
 RHS r46 1.0
 RHS r47 1.0
 RHS r48 1.0
 RHS r49 1.0
 RHS r50 1.0
 RHS r51 1.0
 RHS r52 1.0
 RHS r53 1.0
 RHS r54 1.0
 RHS r55 1.0
 RHS r56 1.0
 RHS r57 1.0
 RHS r58 1.0
 RHS r59 1.0
 RHS r60 1.0
 RHS r61 1.0
 RHS r62 1.0
 RHS r63 1.0
 RHS r64 1.0
 RHS r65 1.0
 RHS r66 1.0
 RHS r67 1.0
 RHS r68 1.0
 RHS r69 1.0
 RHS r70 1.0
 RHS r71 1.0
 RHS r72 1.0
 RHS r73 1.0
 RHS r74 1.0
 RHS r75 1.0
 RHS r76 1.0
 RHS r77 1.0
 RHS r78 1.0
 RHS r79 1.0
 RHS r80 1.0
 RHS r81 1.0
 RHS r82 1.0
 RHS r83 1.0
 RHS r84 1.0
 RHS r85 1.0
 RHS r86 1.0
 RHS r87 1.0
 RHS r88 1.0
 RHS r89 1.0
 RHS r90 1.0
 RHS r91 1.0
 RHS r92 1.0
 RHS r93 1.0
 RHS r94 1.0
 RHS r95 1.0
 RHS r96 1.0
 RHS r97 1.0
 RHS r98 1.0
 RHS r99 1.0
 RHS r100 1.0
 RHS r101 1.0
 RHS r102 1.0
 RHS r103 1.0
 RHS r104 1.0
 RHS r105 1.0
 RHS r106 1.0
 RHS r107 1.0
 RHS r108 1.0
 RHS r109 1.0
 RHS r110 1.0
 RHS r111 1.0
 RHS r112 1.0
 RHS r113 1.0
 RHS r114 1.0
 RHS r115 1.0
 RHS r116 1.0
BOUNDS
 UP BOUND x0 1.0
 UP BOUND x1 1.0
 UP BOUND x2 1.0
 UP BOUND x3 1.0
 UP BOUND x4 1.0
 UP BOUND x5 1.0
 UP BOUND x6 1.0
 UP BOUND x7 1.0
 UP BOUND x8 1.0
 UP BOUND x9 1.0
 UP BOUND x10 1.0
 UP BOUND x11 1.0
 UP BOUND x12 1.0
 UP BOUND x13 1.0
 UP BOUND x14 1.0
 UP BOUND x15 1.0
 UP BOUND x16 1.0
 UP BOUND x17 1.0
 UP BOUND x18 1.0
 UP BOUND x19 1.0
 UP BOUND x20 1.0
 UP BOUND x21 1.0
 UP BOUND x22 1.0
 UP BOUND x23 1.0
 UP BOUND x24 1.0
 UP BOUND x25 1.0
 UP BOUND x26 1.0
ENDATA
